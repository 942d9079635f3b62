-- Scenes in which more than :persons persons are seen and whose seconds are louder than :dbfs on average.
WITH track AS MATERIALIZED (
  SELECT video_id, person_id, timestamp_seconds, end_seconds
  FROM annotations
  WHERE annotation_type = 'person_track'
), second AS MATERIALIZED (
  SELECT video_id, timestamp_seconds, json_extract(data, '$.rms_dbfs') AS rms_dbfs
  FROM annotations
  WHERE annotation_type = 'loudness'
), crowded AS MATERIALIZED (
  -- the + keeps SQLite off the index by time, which has every row of a video, so that it takes the one by type and video
  SELECT scene.video_id, scene.scene_id, scene.timestamp_seconds, scene.end_seconds, COUNT(DISTINCT track.person_id) AS persons
  FROM annotations AS scene
  JOIN track ON track.video_id = scene.video_id
            AND track.timestamp_seconds < scene.end_seconds AND track.end_seconds > +scene.timestamp_seconds
  WHERE scene.annotation_type = 'scene'
    AND scene.pipeline_id = (SELECT pipeline_id FROM pipelines WHERE name = 'scene_detection')
  GROUP BY scene.video_id, scene.scene_id, scene.timestamp_seconds, scene.end_seconds
  HAVING COUNT(DISTINCT track.person_id) > :persons
)
SELECT crowded.video_id, crowded.scene_id, crowded.timestamp_seconds AS start_s, crowded.end_seconds AS end_s,
       crowded.persons, AVG(second.rms_dbfs) AS mean_dbfs
FROM crowded
JOIN second ON second.video_id = crowded.video_id
           AND second.timestamp_seconds >= crowded.timestamp_seconds AND second.timestamp_seconds < crowded.end_seconds
GROUP BY crowded.video_id, crowded.scene_id, crowded.timestamp_seconds, crowded.end_seconds, crowded.persons
HAVING AVG(second.rms_dbfs) > :dbfs
ORDER BY crowded.video_id, crowded.timestamp_seconds
