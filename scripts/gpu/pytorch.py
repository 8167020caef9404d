"""Trains the models of the recipes in PyTorch and prints how fast: what `uer pretrain` is compared with on a GPU.

    python3 pytorch.py [--seconds 120] [--device cuda] [--lines 'lstm.*bf16 eager']
    python3 pytorch.py --recipe roberta --corpus FILE [--bf16 | --tf32]        for scripts/compare_pytorch.sh

Each line is one model in one format: TF32 rounds the factors of float32 products, bf16 is autocast. Batches have no padding
and lie on the GPU; AdamW is the fused one. The most telling lines come first, and no line is begun after so many seconds.

With --recipe, texts are as long as the lines of a corpus, of which each character is a token, and short ones are padded. The
model is compiled. Attention has no mask for the padding, so that PyTorch takes its fastest kernel.
"""

import argparse
import json
import random
import re
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

VOCABULARY = 21128


class Layer(nn.Module):
    """A layer of a transformer with 12 heads: normalised after each part as in BERT, or before it as in GPT-2."""

    def __init__(self, hidden, first):
        super().__init__()
        self.first = first
        self.projections, self.output = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        self.norms, self.dropout = nn.ModuleList([nn.LayerNorm(hidden), nn.LayerNorm(hidden)]), nn.Dropout(0.1)

    def attention(self, x):  # [batch, length, hidden]
        batch, length, hidden = x.shape
        query, key, value = self.projections(x).view(batch, length, 3, 12, hidden // 12).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(
            query, key, value, dropout_p=0.1 if self.training else 0.0, is_causal=self.first
        )
        return self.output(y.transpose(1, 2).reshape(x.shape))

    def forward(self, x):
        parts = (self.attention, lambda y: self.down(F.gelu(self.up(y))))
        for norm, part in zip(self.norms, parts):
            x = x + self.dropout(part(norm(x))) if self.first else norm(x + self.dropout(part(x)))
        return x


class Transformer(nn.Module):
    """RoBERTa, which predicts 15 % of the tokens, or GPT-2, which predicts each from those before."""

    def __init__(self, causal, layers=12, hidden=768, positions=512):
        super().__init__()
        self.causal = causal
        self.words, self.positions = nn.Embedding(VOCABULARY, hidden), nn.Embedding(positions, hidden)
        self.layers = nn.Sequential(*(Layer(hidden, causal) for _ in range(layers)))
        self.norm, self.dropout = nn.LayerNorm(hidden), nn.Dropout(0.1)
        self.classes = nn.Linear(hidden, VOCABULARY, bias=not causal)
        if causal:
            self.classes.weight = self.words.weight
        else:
            self.dense = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))

    def forward(self, tokens, chosen):
        x = self.words(tokens) + self.positions.weight[: tokens.shape[1]]
        if self.causal:
            x = self.norm(self.layers(self.dropout(x)))[:, :-1]
            return F.cross_entropy(self.classes(x).flatten(0, 1), tokens[:, 1:].flatten())
        x = self.layers(self.dropout(self.norm(x))).flatten(0, 1)[chosen]
        return F.cross_entropy(self.classes(self.dense(x)), tokens.flatten()[chosen])


class Recurrent(nn.Module):
    """An LSTM of two layers that predicts the next token, or ELMo's two, of which one predicts the token before."""

    def __init__(self, both, hidden, cell=nn.LSTM):
        super().__init__()
        self.words, self.norm, self.dropout = nn.Embedding(VOCABULARY, 512), nn.LayerNorm(512), nn.Dropout(0.1)
        self.directions = nn.ModuleList(
            cell(512, hidden, 2, dropout=0.1, batch_first=True) for _ in range(2 if both else 1)
        )
        self.classes = nn.Linear(hidden, VOCABULARY)

    def forward(self, tokens, _):
        x, loss = self.dropout(self.norm(self.words(tokens))), 0
        for i, direction in enumerate(self.directions):
            ordered, labels = (x.flip(1), tokens.flip(1)) if i else (x, tokens)
            logits = self.classes(self.dropout(direction(ordered)[0])[:, :-1])
            loss = loss + F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())
        return loss


class GatedConvolutions(nn.Module):
    """Nine layers of gated convolutions over four tokens that predict the next token."""

    def __init__(self, hidden=807, taps=4):
        super().__init__()
        self.words, self.norm, self.dropout = nn.Embedding(VOCABULARY, 128), nn.LayerNorm(128), nn.Dropout(0.1)
        self.taps = taps
        self.layers = nn.ModuleList(nn.Conv1d(128 if i == 0 else hidden, 2 * hidden, taps) for i in range(9))
        self.classes = nn.Linear(hidden, VOCABULARY)

    def forward(self, tokens, _):
        x, kept = self.dropout(self.norm(self.words(tokens))).transpose(1, 2), None
        for i, layer in enumerate(self.layers):
            x = F.glu(layer(F.pad(x, (self.taps - 1, 0))), 1)
            if i % 2 == 0:
                x = kept = x if kept is None else x + kept
        logits = self.classes(x.transpose(1, 2)[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


MODELS = {
    "roberta": lambda **sizes: Transformer(causal=False, **sizes),
    "gpt2": lambda **sizes: Transformer(causal=True, **sizes),
    "lstm": lambda: Recurrent(both=False, hidden=512),
    "gru": lambda: Recurrent(both=False, hidden=512, cell=nn.GRU),
    "elmo": lambda: Recurrent(both=True, hidden=768),
    "gatedcnn": GatedConvolutions,
    "tiny": lambda: Transformer(causal=False, layers=1, hidden=96),  # to try this program without a GPU
}


RECURRENT = ("lstm", "gru", "elmo", "gatedcnn")  # and convolutions


def runs():
    """The model, batch size, length, format and whether it is compiled, the most telling ones first."""
    yield "roberta", 256, 128, "bf16", True
    for model in RECURRENT:
        yield model, 32, 128, "bf16", False
    yield "roberta", 256, 512, "bf16", True
    yield "gpt2", 16, 1024, "bf16", True
    yield "roberta", 32, 128, "bf16", True
    for form in ("fp32", "tf32", "bf16"):
        yield "roberta", 32, 128, form, False
    for model in ("gpt2", *RECURRENT):
        yield model, 32, 128, "fp32", False
    for model in (*RECURRENT, "gpt2"):
        yield model, 32, 128, "bf16", True
    yield "roberta", 32, 128, "fp32", True
    yield "roberta", 32, 128, "tf32", True


class Training:
    """A model, its optimizer, and a batch of tokens on the device, of which those at the chosen places are predicted."""

    def __init__(self, device, model, form, compiled, tokens, chosen, sizes):
        torch.manual_seed(7)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = form == "tf32"
        net = MODELS[model](**sizes).to(device)
        self.device, self.form, self.tokens, self.chosen = device, form, tokens, chosen
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=device != "cpu")
        self.loss_of = torch.compile(net) if compiled else net

    def step(self):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.form == "bf16"):
            loss = self.loss_of(self.tokens, self.chosen)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def timed(self, steps):
        """The time of a step in seconds, and the loss."""
        began = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        loss = loss.item()  # waits for the GPU
        return (time.perf_counter() - began) / steps, loss


def line_of(model, batch, length, form, compiled):
    """What --lines is compared with."""
    return f"{model} {batch} x {length} {form} {'compiled' if compiled else 'eager'}"


def measure(device, model, batch, length, form, compiled):
    """The median time of a step in seconds, and the loss."""
    tokens = torch.randint(5, VOCABULARY, (batch, length), device=device)
    chosen = torch.randperm(batch * length, device=device)[: batch * length * 15 // 100]
    sizes = {"positions": length} if length > 512 else {}
    training = Training(device, model, form, compiled, tokens, chosen, sizes)
    training.timed(3)
    times = [training.timed(4)[0] for _ in range(4)]
    return statistics.median(times), training.timed(1)[1]


def compare(arguments):
    """Trains one recipe on texts of the lengths of a corpus, and prints its figures as JSON."""
    device, batch, length = arguments.device, arguments.batch, arguments.seq
    lengths = [length] * batch
    if not arguments.dense:
        with open(arguments.corpus, encoding="utf-8") as corpus:
            texts = [min(len("".join(line.split())) + 2, length) for line in corpus if not line.isspace()]
        random.seed(7)
        # As much padding as there is on average: every so many of the texts, in the order of their lengths.
        texts.sort()
        lengths = [texts[(2 * i + 1) * len(texts) // (2 * batch)] for i in range(batch)]
    tokens = torch.randint(5, VOCABULARY, (batch, length), device=device)
    real = [row * length + place for row, count in enumerate(lengths) for place in range(count)]
    chosen = torch.tensor(random.sample(real, len(real) * 15 // 100), device=device)
    form = "bf16" if arguments.bf16 else "tf32" if arguments.tf32 else "fp32"
    training = Training(device, arguments.recipe, form, device != "cpu", tokens, chosen, {})
    training.timed(3)
    times = sorted(training.timed(4)[0] for _ in range(max(arguments.steps // 4, 1)))
    seconds = statistics.median(times)
    peak = torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else 0
    figures = {
        "step_s_min": times[0],
        "step_s_median": seconds,
        "padded_tokens_per_s": batch * length / seconds,
        "real_tokens_per_s": len(real) / seconds,
        "peak_rss_mb": round(peak),
        "loss": training.timed(1)[1],
    }
    print(json.dumps(figures))


def main():
    global VOCABULARY
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", choices=MODELS, help="this one only")
    parser.add_argument("--lines", default="", help="those that match, such as 'roberta 256 x 128 bf16 compiled'")
    parser.add_argument("--recipe", choices=MODELS)
    parser.add_argument("--corpus")
    for name, value in (("batch", 32), ("seq", 128), ("steps", 20), ("threads", 0), ("vocab", VOCABULARY)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--size", choices=["base"], default="base")
    for name in ("dense", "bf16", "tf32"):
        parser.add_argument("--" + name, action="store_true")
    arguments = parser.parse_args()
    if arguments.recipe:
        VOCABULARY = arguments.vocab
        compare(arguments)
        return
    began = time.perf_counter()
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else arguments.device
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {name}", flush=True)
    chosen = list(runs())
    if arguments.model:
        chosen = [run for run in chosen if run[0] == arguments.model]
        chosen = chosen or [(arguments.model, 8, 32, form, False) for form in ("fp32", "tf32", "bf16")]
    chosen = [run for run in chosen if re.search(arguments.lines, line_of(*run))]
    for model, batch, length, form, compiled in chosen:
        if time.perf_counter() - began > arguments.seconds:
            print("no time for the rest")
            break
        how = f"{model:9s} {batch:3d} x {length:4d}  {form} {'compiled' if compiled else 'eager   '}"
        try:
            seconds, loss = measure(arguments.device, model, batch, length, form, compiled)
            print(f"{how} {1000 * seconds:8.1f} ms {batch * length / seconds:10.0f} tokens/s  loss {loss:.2f}", flush=True)
        except Exception as error:  # the other lines are still worth having
            print(f"{how} failed: {type(error).__name__}: {str(error).splitlines()[0][:100]}", flush=True)


if __name__ == "__main__":
    main()
