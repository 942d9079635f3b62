"""Launch files: clusters by `ray up`, on Kubernetes, Slurm and Docker, and a dashboard that watches one."""
