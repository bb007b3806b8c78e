"""What trades were worth: figures, intervals, frontiers, forensics."""
