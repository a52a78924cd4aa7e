"""Prompts for the engine, and what came out of its streams."""

STORY = "Write a long story about a pump."


def chat(engine, text, system="You are brief."):
    """A prompt in three segments."""
    return [
        engine.tokenize(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n", True),
        engine.tokenize(text),
        engine.tokenize("<|im_end|>\n<|im_start|>assistant\n", True),
    ]
