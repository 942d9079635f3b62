-- Videos with more than :faces face detections above :confidence.
SELECT video_id, COUNT(*) AS face_count
FROM annotations
WHERE annotation_type = 'face_detection' AND confidence > :confidence
GROUP BY video_id
HAVING COUNT(*) > :faces
ORDER BY video_id
