-- Where a person is in the picture within :seconds of a sound, such as laughter; 0: at the same time.
WITH sound AS MATERIALIZED (
  SELECT video_id, timestamp_seconds, end_seconds
  FROM annotations
  WHERE annotation_type = 'audio_event' AND data ->> 'label' = :label
), track AS MATERIALIZED (
  SELECT video_id, timestamp_seconds, end_seconds
  FROM annotations
  WHERE annotation_type = 'person_track' AND person_id = :person_id
)
SELECT sound.video_id, track.timestamp_seconds AS seen_from, track.end_seconds AS seen_until,
       sound.timestamp_seconds AS heard_from, sound.end_seconds AS heard_until
FROM sound
JOIN track ON track.video_id = sound.video_id
WHERE track.timestamp_seconds - sound.end_seconds <= :seconds AND sound.timestamp_seconds - track.end_seconds <= :seconds
ORDER BY sound.video_id, sound.timestamp_seconds, track.timestamp_seconds
