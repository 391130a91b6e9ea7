"""How Tocsin itself is: what its parts say, and what is heard."""
