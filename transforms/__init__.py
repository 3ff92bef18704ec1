"""The stages of the pipeline: each file is one stage, a thin DoFn around plain code."""
