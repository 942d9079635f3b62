-- What each pipeline cost: completed jobs, seconds of decoding and model time, annotations.
SELECT pipeline.name, COUNT(*) AS total_jobs, AVG(state.processing_time_seconds) AS avg_time, AVG(state.annotation_count) AS avg_annotations
FROM job_pipeline_status AS state
JOIN pipelines AS pipeline ON pipeline.pipeline_id = state.pipeline_id
WHERE state.status = 'completed'
GROUP BY pipeline.name
ORDER BY pipeline.name
