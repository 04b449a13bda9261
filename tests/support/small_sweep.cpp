#include "tests/support/small_sweep.h"

#include <stdexcept>

namespace crosslaw::tests {
namespace {

// Words drawn by a fixed rule, so that there is something to learn and two languages differ.
std::string made_up_text(const std::string& letters, unsigned seed, int documents) {
  std::string lines;
  for (int document = 0; document < documents; ++document) {
    lines += "{\"text\":\"";
    for (int word = 0; word < 60; ++word) {
      seed = seed * 1103515245u + 12345u;
      unsigned draw = seed >> 16;
      for (unsigned i = 0; i < 2 + draw % 4; ++i)
        lines += letters[(draw / 7 + i * (draw % 5)) % letters.size()];
      lines += ' ';
    }
    lines += "\"}\n";
  }
  return lines;
}

}  // namespace

std::string SmallSweep::spec_text() {
  return R"(name = "small"
[ladder]
file = "ladder.csv"
vocabulary = 256
tied_head = true
[budget]
tokens_per_param = [2, 4]
[data]
context = 32
valid_tokens = 1024
allow_foreign = 1
[data.language.en]
train = ["en.train.jsonl"]
valid = ["en.valid.jsonl"]
[data.language.fr]
train = ["fr.train.jsonl"]
valid = ["fr.valid.jsonl"]
[train]
schedule = "wsd"
learning_rate_times_hidden = 0.2
warmup_steps_max = 10
batch_tokens = 256
init = "fan_in"
evaluations = 3
[[strategy]]
name = "source"
language = "en"
tokens_per_param = [4]
[[strategy]]
name = "scratch"
language = "fr"
[[strategy]]
name = "continued"
language = "fr"
from = "source"
[launch]
devices = "cpu"
cpu_slots = 2
)";
}

SmallSweep::SmallSweep() : spec(folder / "small.toml") {
  folder.write("small.toml", spec_text());
  folder.write("ladder.csv",
               "name,hidden,ffn,heads,layers\ns,8,16,2,1\nm,12,24,2,1\nl,16,32,2,1\n");
  for (const char* split : {"train", "valid"}) {
    int documents = split[0] == 't' ? 120 : 12;
    folder.write(std::string("en.") + split + ".jsonl",
                 made_up_text("abcdefgh", split[0], documents));
    folder.write(std::string("fr.") + split + ".jsonl",
                 made_up_text("efghijkl", split[0] + 1u, documents));
  }
}

void SmallSweep::edit(const std::string& from, const std::string& to) const {
  std::string text = spec_text();
  size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the spec has no " + from);
  folder.write("small.toml", text.replace(at, from.size(), to));
}

}  // namespace crosslaw::tests
