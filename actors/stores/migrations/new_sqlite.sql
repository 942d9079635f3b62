CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE jobs (
    job_id TEXT,
    video_path TEXT NOT NULL,
    video_id TEXT NOT NULL,
    status TEXT NOT NULL,
    config TEXT NOT NULL,
    created_at TEXT DEFAULT (datetime('now')),
    started_at TEXT,
    completed_at TEXT,
    retry_count INTEGER DEFAULT 0,
    error_message TEXT,
    failure_kind TEXT,
    batch_id TEXT,
    output_dir TEXT, control TEXT,
    PRIMARY KEY (job_id),
    CHECK (status IN ('pending', 'running', 'completed', 'failed', 'retrying'))
);

CREATE INDEX idx_jobs_batch ON jobs (batch_id);

CREATE INDEX idx_jobs_created ON jobs (created_at);

CREATE INDEX idx_jobs_status ON jobs (status);

CREATE INDEX idx_jobs_video ON jobs (video_id);

CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE pipelines (
    pipeline_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    config_schema TEXT,
    UNIQUE (name)
);

CREATE TABLE runs (
    epoch INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    config TEXT NOT NULL,
    inputs TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT, heartbeat_at TEXT, progress TEXT,
    PRIMARY KEY (epoch)
);

CREATE INDEX idx_runs_batch ON runs (batch_id);

CREATE TABLE videos (
    video_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    container TEXT NOT NULL,
    codec TEXT NOT NULL,
    stream_index INTEGER NOT NULL,
    time_base TEXT NOT NULL,
    start_pts INTEGER NOT NULL,
    end_pts INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    rotation INTEGER NOT NULL,
    nominal_fps TEXT NOT NULL,
    frame_count INTEGER NOT NULL,
    duration_seconds REAL NOT NULL,
    frame_index BLOB NOT NULL, sound TEXT, details TEXT,
    PRIMARY KEY (video_id)
);

CREATE TABLE annotations (
    annotation_id TEXT,
    job_id TEXT,
    pipeline_id INTEGER,
    annotation_type TEXT NOT NULL,
    timestamp_seconds REAL,
    data TEXT NOT NULL,
    created_at TEXT DEFAULT (datetime('now')),
    video_id TEXT NOT NULL,
    person_id TEXT,
    face_id TEXT,
    speaker_id TEXT,
    scene_id TEXT,
    confidence REAL,
    bbox_x REAL,
    bbox_y REAL,
    bbox_width REAL,
    bbox_height REAL,
    end_seconds REAL,
    frame_number INTEGER,
    config_hash TEXT, label TEXT, words TEXT,
    PRIMARY KEY (annotation_id),
    FOREIGN KEY(job_id) REFERENCES jobs (job_id),
    FOREIGN KEY(pipeline_id) REFERENCES pipelines (pipeline_id)
);

CREATE INDEX idx_annotations_job ON annotations (job_id);

CREATE INDEX idx_annotations_type_confidence ON annotations (annotation_type, confidence);

CREATE INDEX idx_annotations_video_timestamp ON annotations (video_id, timestamp_seconds);

CREATE INDEX idx_annotations_work ON annotations (video_id, pipeline_id, config_hash, frame_number);

CREATE TABLE chunks (
    video_id TEXT NOT NULL,
    pipeline_id INTEGER NOT NULL,
    config_hash TEXT NOT NULL,
    first_frame INTEGER NOT NULL,
    frame_count INTEGER NOT NULL,
    start_pts INTEGER NOT NULL,
    end_pts INTEGER NOT NULL,
    lost TEXT NOT NULL,
    checksum TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seconds REAL NOT NULL,
    payload BLOB,
    PRIMARY KEY (video_id, pipeline_id, config_hash, first_frame),
    FOREIGN KEY(pipeline_id) REFERENCES pipelines (pipeline_id)
);

CREATE TABLE job_pipeline_status (
    job_id TEXT,
    pipeline_id INTEGER,
    status TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    annotation_count INTEGER,
    processing_time_seconds REAL,
    error_message TEXT,
    config_hash TEXT,
    digest TEXT,
    failure_kind TEXT,
    warning TEXT,
    PRIMARY KEY (job_id, pipeline_id),
    CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    FOREIGN KEY(job_id) REFERENCES jobs (job_id),
    FOREIGN KEY(pipeline_id) REFERENCES pipelines (pipeline_id)
);

CREATE TABLE video_paths (
    path TEXT NOT NULL,
    video_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    PRIMARY KEY (path),
    FOREIGN KEY(video_id) REFERENCES videos (video_id)
);

CREATE INDEX idx_video_paths_video ON video_paths (video_id);

CREATE TABLE embeddings (
    annotation_id TEXT NOT NULL,
    video_id TEXT NOT NULL,
    pipeline_id INTEGER NOT NULL,
    config_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (annotation_id),
    FOREIGN KEY(pipeline_id) REFERENCES pipelines (pipeline_id)
);

CREATE INDEX idx_embeddings_work ON embeddings (video_id, pipeline_id, config_hash);

CREATE TABLE identities (
    identity_id TEXT NOT NULL,
    video_id TEXT NOT NULL,
    face_id TEXT NOT NULL,
    config_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    similarity REAL NOT NULL,
    first_seconds REAL NOT NULL,
    created_at TEXT DEFAULT (datetime('now')),
    PRIMARY KEY (identity_id, video_id, face_id)
);

CREATE INDEX idx_jobs_control ON jobs (job_id) WHERE control IS NOT NULL;

CREATE TABLE leases (
    video_id TEXT NOT NULL,
    pipeline_id INTEGER NOT NULL,
    config_hash TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (video_id, pipeline_id, config_hash),
    FOREIGN KEY(epoch) REFERENCES runs (epoch),
    FOREIGN KEY(pipeline_id) REFERENCES pipelines (pipeline_id)
);

CREATE INDEX idx_leases_epoch ON leases (epoch);

CREATE TABLE attempts (
    chunk_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    video_id TEXT NOT NULL,
    state TEXT NOT NULL,
    worker TEXT,
    started_at TEXT,
    heartbeat_at TEXT,
    pipeline TEXT,
    failure_kind TEXT,
    error_message TEXT,
    traceback TEXT,
    PRIMARY KEY (chunk_id, number),
    CHECK (state IN ('leased', 'failed', 'lost', 'killed'))
);

CREATE INDEX idx_attempts_video ON attempts (video_id);

CREATE TABLE job_events (
    event_id INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    at TEXT NOT NULL,
    name TEXT NOT NULL,
    pipeline TEXT,
    message TEXT,
    detail TEXT,
    PRIMARY KEY (event_id),
    FOREIGN KEY(job_id) REFERENCES jobs (job_id)
);

CREATE INDEX idx_job_events_job ON job_events (job_id);

CREATE TABLE migration_ledger (
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    moved_at TEXT NOT NULL,
    PRIMARY KEY (kind, unit, table_name)
);

CREATE INDEX idx_annotations_type_video ON annotations (annotation_type, video_id, timestamp_seconds, end_seconds, person_id);

CREATE INDEX idx_annotations_person_track ON annotations (person_id, annotation_type, video_id, timestamp_seconds, end_seconds) WHERE person_id IS NOT NULL AND annotation_type = 'person_track';

CREATE INDEX idx_annotations_label ON annotations (label, annotation_type, video_id, timestamp_seconds, end_seconds) WHERE label IS NOT NULL;

CREATE INDEX idx_annotations_face_box ON annotations (annotation_type, video_id, timestamp_seconds, bbox_x, bbox_y, bbox_width, bbox_height, confidence, annotation_id) WHERE annotation_type = 'face_detection';

CREATE TABLE person_references (
    reference_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    video_id TEXT NOT NULL,
    label TEXT NOT NULL,
    config_hash TEXT NOT NULL,
    digest TEXT NOT NULL,
    samples TEXT NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (reference_id)
);

CREATE INDEX idx_person_references_video ON person_references (video_id);

CREATE TABLE person_edits (
    sequence INTEGER NOT NULL,
    edit_id TEXT NOT NULL,
    action TEXT NOT NULL,
    at TEXT NOT NULL,
    person_id TEXT NOT NULL,
    other_id TEXT NOT NULL,
    name TEXT,
    reference_ids TEXT NOT NULL,
    PRIMARY KEY (sequence),
    UNIQUE (edit_id)
);

CREATE TABLE speech_numbers (number INTEGER PRIMARY KEY, annotation_id TEXT NOT NULL UNIQUE);

CREATE VIRTUAL TABLE speech_index USING fts5(words, content='', tokenize='ascii');

CREATE TRIGGER speech_added AFTER INSERT ON annotations WHEN new.words IS NOT NULL
BEGIN
    INSERT INTO speech_numbers (annotation_id) SELECT new.annotation_id WHERE new.words IS NOT NULL;
    INSERT INTO speech_index (rowid, words)
        SELECT number, new.words FROM speech_numbers WHERE annotation_id = new.annotation_id;
END;

CREATE TRIGGER speech_removed AFTER DELETE ON annotations WHEN old.words IS NOT NULL
BEGIN
    INSERT INTO speech_index (speech_index, rowid, words)
        SELECT 'delete', number, old.words FROM speech_numbers WHERE annotation_id = old.annotation_id;
    DELETE FROM speech_numbers WHERE annotation_id = old.annotation_id;
END;

CREATE TRIGGER speech_changed AFTER UPDATE OF words, annotation_id ON annotations
WHEN old.words IS NOT NULL OR new.words IS NOT NULL
BEGIN
    INSERT INTO speech_index (speech_index, rowid, words)
        SELECT 'delete', number, old.words FROM speech_numbers WHERE annotation_id = old.annotation_id;
    DELETE FROM speech_numbers WHERE annotation_id = old.annotation_id;
    INSERT INTO speech_numbers (annotation_id) SELECT new.annotation_id WHERE new.words IS NOT NULL;
    INSERT INTO speech_index (rowid, words)
        SELECT number, new.words FROM speech_numbers WHERE annotation_id = new.annotation_id;
END;
