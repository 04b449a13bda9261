#include "sweep/plan/start_models.h"

#include <fmt/format.h>

#include <filesystem>

#include "db/files/content_hash.h"
#include "trainer/interchange/import_model.h"
#include "trainer/interchange/llama_config.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kSizeMark = "{size}";

bool same_size(const trainer::ModelShape& a, const trainer::ModelShape& b) {
  return a.hidden == b.hidden && a.ffn == b.ffn && a.heads == b.heads && a.layers == b.layers &&
         a.key_heads() == b.key_heads() && a.head_size() == b.head_size();
}

// The row that a ladder needs for this model.
std::string row_of(const trainer::ModelShape& s) {
  return fmt::format("hidden {}, ffn {}, heads {}, layers {}, kv_heads {}, head_dim {}", s.hidden,
                     s.ffn, s.heads, s.layers, s.key_heads(), s.head_size());
}

[[noreturn]] void refuse(const SweepSpec& spec, const StrategySpec& strategy,
                         const std::string& reason) {
  throw SpecError(fmt::format("{}: strategy {}: from = \"hf:{}\": {}", spec.file.string(),
                              strategy.name, strategy.hugging_face, reason));
}

// A model whose own tokenizer is another one would read other text than it learned.
void compare_tokenizers(const SweepSpec& spec, const StrategySpec& strategy, const fs::path& folder,
                        const trainer::Corpus& corpus) {
  if (strategy.resize_vocabulary) return;
  for (const char* name : {"tokenizer.model", "tokenizer.json"}) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    if (db::sha256_of_file(file) == corpus.tokenizer_sha256) return;
  }
  for (const char* name : {"tokenizer.model", "tokenizer.json"}) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    refuse(
        spec, strategy,
        fmt::format("the model's tokenizer is {}, the sweep's is another (data.tokenizer = "
                    "\"{}\"), whose numbers mean other text to the model; write data.tokenizer = "
                    "\"{}\", or vocabulary = \"resize\" in the strategy if that is meant",
                    file.string(), spec.tokenizer, file.string()));
  }
}

}  // namespace

std::string ladder_row(const StrategySpec& strategy) {
  return row_of(trainer::read_llama_config(fs::path(strategy.hugging_face) / "config.json"));
}

std::optional<StartModel> start_model(const SweepSpec& spec, const StrategySpec& strategy,
                                      const ModelSize& size) {
  if (strategy.hugging_face.empty()) return {};
  StartModel start{strategy.hugging_face, {}};
  const size_t mark = start.folder.find(kSizeMark);
  const bool one_a_size = mark != std::string::npos;
  if (one_a_size) start.folder.replace(mark, kSizeMark.size(), size.name);
  start.shape = trainer::read_llama_config(fs::path(start.folder) / "config.json");
  if (!same_size(start.shape, size.shape)) {
    if (!one_a_size) return {};
    refuse(spec, strategy,
           fmt::format("the ladder's size {} has {}; the model has {}", size.name,
                       row_of(size.shape), row_of(start.shape)));
  }
  if (start.shape.tied_head != spec.tied_head)
    refuse(spec, strategy,
           fmt::format("the model's head is {}; write ladder.tied_head = {}",
                       start.shape.tied_head ? "tied" : "not tied", start.shape.tied_head));
  if (start.shape.vocabulary != spec.vocabulary && !strategy.resize_vocabulary)
    refuse(spec, strategy,
           fmt::format("the model has {} tokens; write ladder.vocabulary = {}, or vocabulary = "
                       "\"resize\" in the strategy to train with {}",
                       start.shape.vocabulary, start.shape.vocabulary, spec.vocabulary));
  start.shape.vocabulary = spec.vocabulary;
  return start;
}

void prepare_start_models(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
                          const fs::path& folder, trainer::Corpus& corpus,
                          const std::function<void(const std::string&)>& say) {
  for (const StrategySpec& strategy : spec.strategies) {
    for (const ModelSize& size : ladder) {
      const auto start = start_model(spec, strategy, size);
      if (!start || corpus.start_models.contains(start->folder)) continue;
      compare_tokenizers(spec, strategy, start->folder, corpus);
      const std::string name = fmt::format("start-{}", db::sha256(start->folder).substr(0, 16));
      if (!fs::exists(folder / name)) say(fmt::format("reading the model in {}", start->folder));
      const auto imported =
          trainer::import_model(start->folder, folder / name, start->shape.vocabulary);
      corpus.start_models[start->folder] = {imported.key, imported.checkpoint};
    }
  }
}

}  // namespace crosslaw::sweep
