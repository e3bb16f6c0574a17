"""What a model is given out as: pictures, JavaScript, and neat-python's genomes."""
