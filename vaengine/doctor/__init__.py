"""`vaengine doctor`: checks of the machine, its models and its stores."""
