"""Pictures and prompts in, texts out. Nothing below here imports Beam or Kafka."""
