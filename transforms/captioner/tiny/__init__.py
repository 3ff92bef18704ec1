"""The bundled checkpoint: a Qwen3-VL of 2.1 M parameters that captions the pictures `products` renders."""
