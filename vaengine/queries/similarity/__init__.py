"""What is most like something else: faces and scenes, compared by embeddings in files that are mapped."""
