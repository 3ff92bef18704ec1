"""The caption engine: continuous batching for Qwen3-VL in one process, on the weights of a stock checkpoint.

From the outside in: `captioner` settles futures, `engine` joins and leaves requests between steps, `admission` and
`fair` say who comes next, `steps` computes, `decoder` and `vision` are the model, `slots` holds keys and values.
"""
