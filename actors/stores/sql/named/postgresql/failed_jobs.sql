-- Jobs of the last :hours hours that failed.
SELECT job_id, video_path, error_message
FROM jobs
WHERE status = 'failed' AND created_at > now() - CAST(:hours AS integer) * interval '1 hour'
ORDER BY created_at, job_id
