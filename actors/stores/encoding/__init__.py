"""Values as rows and documents, and back."""
