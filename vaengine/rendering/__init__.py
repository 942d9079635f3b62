"""Results as people look at them: drawn into videos, and plotted."""
