"""The Avro contracts of the topics, and the codec that reads and writes them."""
