"""How well the checks of the picture tell spoiled enlargements from fine ones: measured on real photographs."""
