"""A random BERT cross-encoder, as a GGUF file and in transformers, with the same weights.

The converter leaves the pooler of a BERT classifier out, so the file is written here.
"""

import gguf
import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = [*SPECIAL, "oil", "pump", "filter", "pressure", "low", "high", "bar", "the", "is", "a"]
CLS, SEP = 2, 3
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_ONCE = {
    "bert.embeddings.word_embeddings": "token_embd",
    "bert.embeddings.position_embeddings": "position_embd",
    "bert.embeddings.token_type_embeddings": "token_types",
    "bert.embeddings.LayerNorm": "token_embd_norm",
    "bert.pooler.dense": "cls",
    "classifier": "cls.output",
}


def random_model(types=1, labels=1, length=64):
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=length, type_vocab_size=types,
        num_labels=labels, initializer_range=0.4,
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


def write_gguf(model, path, pooling=gguf.PoolingType.RANK):
    """The file that a device loads."""
    config = model.config
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("tiny cross-encoder")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    if config.num_labels > 1:
        writer.add_classifier_output_labels([f"label {n}" for n in range(config.num_labels)])
    _add_vocabulary(writer, config.type_vocab_size)
    for name, tensor in model.state_dict().items():
        if native := _native_name(name):
            writer.add_tensor(native, np.ascontiguousarray(tensor.numpy(), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def reference_scores(model, question, texts):
    """Of transformers, for words of the vocabulary."""
    scores = []
    for text in texts:
        first, second = (
            [WORDS.index(word) for word in part.split()] for part in (question, text)
        )
        ids = torch.tensor([[CLS, *first, SEP, *second, SEP]])
        with torch.no_grad():
            scores.append(float(model(input_ids=ids).logits[0, 0]))
    return scores


def _add_vocabulary(writer, types):
    control = gguf.TokenType.CONTROL
    writer.add_token_type_count(types)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([w if w.startswith("[") else "\u2581" + w for w in WORDS])
    writer.add_token_types(
        [control if w.startswith("[") else gguf.TokenType.NORMAL for w in WORDS]
    )
    for role, word in (("unk", "[UNK]"), ("sep", "[SEP]"), ("pad", "[PAD]"), ("bos", "[CLS]")):
        getattr(writer, f"add_{role}_token_id")(WORDS.index(word))


def _native_name(name):
    stem, _, kind = name.rpartition(".")
    if stem in _ONCE:
        return f"{_ONCE[stem]}.{kind}"
    if stem.startswith("bert.encoder.layer."):
        number, rest = stem.removeprefix("bert.encoder.layer.").split(".", 1)
        return f"blk.{number}.{_LAYER[rest]}.{kind}"
    return None
