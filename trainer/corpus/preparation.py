# What text preparation asks of Python's packages. One process serves one tokenizer or one file: requests come on
# standard input, answers go to standard output, each as one byte, eight bytes of length (little-endian), and so many
# bytes. A request's byte is its kind; an answer's is 0, or 1 for an error in words.
import json
import os
import signal
import struct
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # crosslaw runs several of these processes
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of standard input ends it

END_TOKENS = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|begin_of_text|>", "<s>", "<bos>"]


class HuggingFaceTokenizer:
    """A tokenizer.json."""

    def __init__(self, path):
        import tokenizers
        try:
            self.tokenizer = tokenizers.Tokenizer.from_file(path)
        except Exception as error:  # noqa: the package has no class of its own for it
            raise ValueError("it is damaged, or no tokenizer.json of Python's package tokenizers") from error
        # Settings of whoever saved it; a document is encoded whole and alone.
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        # A text that spells a special token means its letters: no document can forge its own end.
        self.tokenizer.encode_special_tokens = True
        self.path = path

    def separator(self):
        """The end token that the files beside it name, else a well-known name."""
        folder = os.path.dirname(os.path.abspath(self.path))
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            try:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    end = json.load(file).get("eos_token")
            except (OSError, ValueError, AttributeError):
                continue
            end = end.get("content") if isinstance(end, dict) else end
            if isinstance(end, str) and self.tokenizer.token_to_id(end) is not None:
                return self.tokenizer.token_to_id(end)
        found = [self.tokenizer.token_to_id(end) for end in END_TOKENS]
        return next((each for each in found if each is not None), -1)

    def describe(self):
        unknown = getattr(self.tokenizer.model, "unk_token", None)
        unknown = self.tokenizer.token_to_id(unknown) if unknown else None
        if unknown is None and "Unigram" in type(self.tokenizer.model).__name__:
            with open(self.path, encoding="utf-8") as file:
                unknown = json.load(file)["model"].get("unk_id")
        vocabulary = max(self.tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        separator = self.separator()
        return json.dumps({"vocabulary": vocabulary, "separator": separator,
                           "separator_text": self.tokenizer.id_to_token(separator) if separator >= 0 else "",
                           "unknown": -1 if unknown is None else unknown}).encode()

    def answer(self, kind, payload):
        if kind == b"E":
            ids = self.tokenizer.encode(payload.decode(), add_special_tokens=False).ids
            return struct.pack(f"<{len(ids)}i", *ids)
        if kind == b"D":
            ids = list(struct.unpack(f"<{len(payload) // 4}i", payload))
            return self.tokenizer.decode(ids, skip_special_tokens=False).encode()
        # B: bytes of the text behind the first tokens.
        count, = struct.unpack("<q", payload[:8])
        text = payload[8:].decode()
        offsets = self.tokenizer.encode(text, add_special_tokens=False).offsets[:count]
        return struct.pack("<q", len(text[:max((end for _, end in offsets), default=0)].encode()))


class LanguageGuesser:
    """Which language a document is in, by py3langid, whose model is in its wheel."""

    def __init__(self):
        import py3langid
        import py3langid.langid
        self.classify = py3langid.classify
        self.classify("text")  # loads the model
        self.labels = sorted(set(py3langid.langid.IDENTIFIER.labels))

    def describe(self):
        return " ".join(self.labels).encode()

    def answer(self, kind, payload):
        return self.classify(payload.decode("utf-8", "replace"))[0].encode()


class ParquetText:
    """One column of a parquet file, some rows at a time: for each row 1 and its text with its length, or 0 for none."""

    def __init__(self, path, column):
        import pyarrow
        import pyarrow.parquet
        try:
            self.file = pyarrow.parquet.ParquetFile(path)
        except pyarrow.ArrowException as error:
            raise ValueError("is no parquet file, or a damaged one") from error
        names = self.file.schema_arrow.names
        if column not in names:
            raise ValueError(f"there is no column \"{column}\"; its columns are {', '.join(names)} "
                             "(data.text_field names the one to read)")
        kind = self.file.schema_arrow.field(column).type
        if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
            raise ValueError(f"column \"{column}\" holds {kind}, text was expected")
        self.batches = self.file.iter_batches(batch_size=256, columns=[column])

    def describe(self):
        return json.dumps({"rows": self.file.metadata.num_rows}).encode()

    def answer(self, kind, payload):
        import pyarrow
        try:
            batch = next(self.batches, None)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError("the parquet file is damaged") from error
        if batch is None:
            return b""
        rows = []
        for value in batch.column(0).to_pylist():
            text = b"" if value is None else value.encode("utf-8", "surrogatepass")
            rows.append(struct.pack("<?q", value is not None, len(text)) + text)
        return b"".join(rows)


def read_exactly(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        sys.exit(0)  # crosslaw is gone, or has done
    return data


def reply(status, payload):
    try:
        sys.stdout.buffer.write(struct.pack("<bq", status, len(payload)) + payload)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)  # crosslaw is gone, or wants to know no more; a tidy exit would try to write again


def main():
    subject = None
    while True:
        kind, length = struct.unpack("<cq", read_exactly(9))
        payload = read_exactly(length)
        try:
            if kind == b"T":
                subject = HuggingFaceTokenizer(payload.decode())
                reply(0, subject.describe())
            elif kind == b"L":
                subject = LanguageGuesser()
                reply(0, subject.describe())
            elif kind == b"P":
                subject = ParquetText(*payload.decode().split("\0"))
                reply(0, subject.describe())
            else:
                reply(0, subject.answer(kind, payload))
        except BaseException as error:  # noqa: the packages' own errors come in many classes
            # Ours are sentences; of others the class says most.
            ours = isinstance(error, ValueError)
            reply(1, (str(error) if ours else f"{type(error).__name__}: {error}").encode("utf-8", "replace"))


main()
