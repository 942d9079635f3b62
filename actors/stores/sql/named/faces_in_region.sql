-- Face detections whose middle lies in a part of the picture, given as shares of its width and height: 0, 0, 0.5, 0.5 is the top left quarter.
SELECT face.annotation_id, face.video_id, face.timestamp_seconds, face.face_id, face.confidence
FROM annotations AS face
JOIN videos AS video ON video.video_id = face.video_id
WHERE face.annotation_type = 'face_detection' AND face.confidence >= :confidence
  AND face.bbox_x + face.bbox_width / 2 >= :left_share * video.width AND face.bbox_x + face.bbox_width / 2 < :right_share * video.width
  AND face.bbox_y + face.bbox_height / 2 >= :top_share * video.height AND face.bbox_y + face.bbox_height / 2 < :bottom_share * video.height
ORDER BY face.video_id, face.timestamp_seconds, face.annotation_id
