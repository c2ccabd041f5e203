"""How the bundled model is made, and the experiments that chose its recipe."""
