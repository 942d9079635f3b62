"""Annotations that people made in other tools, stored beside the machine's."""
