-- The :count embeddings most alike to that of annotation :annotation_id, of its model, by cosine, exact; one of length 0 is like none.
SELECT others.annotation_id, embeddings.video_id, 1 - (others.vector <=> own.vector) AS cosine
FROM embedding_vectors AS own
JOIN embedding_vectors AS others ON others.model = own.model AND others.dimension = own.dimension AND others.annotation_id <> own.annotation_id
JOIN embeddings ON embeddings.annotation_id = others.annotation_id
WHERE own.annotation_id = CAST(:annotation_id AS uuid) AND others.vector <=> own.vector <> 'NaN'
ORDER BY others.vector <=> own.vector, others.annotation_id
LIMIT :count
