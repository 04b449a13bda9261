#include "trainer/interchange/import_model.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"
#include "trainer/interchange/llama_config.h"
#include "trainer/interchange/tensor_file.h"
#include "trainer/recipe/checkpoint_state.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr const char* kSourceFile = "source.json";  // what was read, to know it again
constexpr std::string_view kKeyPrefix = "hugging-face-";

bool has_vocabulary_rows(const std::string& name) {
  return name == "model.embed_tokens.weight" || name == "lm_head.weight";
}

// Size and date of every file that an import reads.
json stamps_of(const fs::path& source, const std::map<std::string, StoredTensor>& tensors) {
  std::set<fs::path> files = {source / "config.json"};
  for (const auto& [name, tensor] : tensors) files.insert(tensor.file);
  json stamps;
  for (const fs::path& file : files) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) continue;  // is named when it is read
    stamps[file.filename().string()] = {
        status.st_size, status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
  }
  return stamps;
}

// What the file holds must be what the configuration promises, tensor by tensor.
void check_tensors(const std::vector<NamedTensor>& expected,
                   const std::map<std::string, StoredTensor>& stored, const fs::path& source) {
  for (const NamedTensor& tensor : expected) {
    auto found = stored.find(tensor.name);
    if (found == stored.end())
      throw std::invalid_argument(
          fmt::format("{}: {} is missing; config.json promises it", source.string(), tensor.name));
    if (found->second.shape != tensor.shape)
      throw std::invalid_argument(fmt::format(
          "{}: {} has the shape {}, config.json promises {}", found->second.file.string(),
          tensor.name, json(found->second.shape).dump(), json(tensor.shape).dump()));
  }
  std::set<std::string> known = {"lm_head.weight"};  // a tied model may hold its embedding twice
  for (const NamedTensor& tensor : expected) known.insert(tensor.name);
  for (const auto& [name, tensor] : stored) {
    // Old checkpoints hold the rotary frequencies, which follow from the configuration.
    if (known.contains(name) || name.ends_with(".rotary_emb.inv_freq")) continue;
    throw std::invalid_argument(
        fmt::format("{}: {:.80} is no tensor of this program's model; leaving it out would "
                    "compute something else",
                    tensor.file.string(), name));
  }
}

// Rows up to `vocabulary`; those that the model lacks are the mean of those that it has, which
// gives new tokens a middling logit everywhere.
void resized_rows(const std::string& name, const StoredTensor& stored, int64_t vocabulary,
                  const NumberSink& out) {
  const auto columns = static_cast<size_t>(stored.shape[1]);
  auto left = static_cast<size_t>(vocabulary) * columns;
  std::vector<double> sums(columns);
  size_t seen = 0;
  read_numbers(name, stored, [&](const std::vector<float>& piece) {
    for (float number : piece) sums[seen++ % columns] += static_cast<double>(number);
    const size_t taken = std::min(left, piece.size());
    out({piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(taken)});
    left -= taken;
  });
  std::vector<float> mean;
  for (double sum : sums)
    mean.push_back(static_cast<float>(sum / static_cast<double>(stored.shape[0])));
  for (; left > 0; left -= columns) out(mean);
}

void write_checkpoint(const fs::path& staged, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, StoredTensor>& stored, int64_t vocabulary) {
  write_tensor_file(staged / kModelFile, tensors,
                    [&](const NamedTensor& tensor, const NumberSink& out) {
                      const StoredTensor& from = stored.at(tensor.name);
                      if (has_vocabulary_rows(tensor.name)) {
                        resized_rows(tensor.name, from, vocabulary, out);
                      } else {
                        read_numbers(tensor.name, from, out);
                      }
                    });
  const std::string hash = db::sha256_of_file(staged / kModelFile);
  db::publish_file(staged / kStateFile,
                   state_text({0, std::string(kKeyPrefix) + hash, "", {{kModelFile, hash}}}));
}

}  // namespace

ImportedModel import_model(const fs::path& source, const fs::path& target, int64_t vocabulary) {
  ModelShape shape = read_llama_config(source / "config.json");
  const std::vector<NamedTensor> theirs = llama_tensors(shape);
  const auto stored = tensors_in_folder(source);
  check_tensors(theirs, stored, source);
  shape.vocabulary = vocabulary;
  json made_from = {{"files", stamps_of(source, stored)}, {"vocabulary", vocabulary}};
  std::ifstream input(target / kSourceFile);
  const bool made = input && json::parse(input, nullptr, false) == made_from &&
                    checkpoint_damage(target, true).empty();
  if (!made) {
    const fs::path staged = db::staging_path(target);
    fs::remove_all(staged);
    fs::create_directories(staged);
    write_checkpoint(staged, llama_tensors(shape), stored, vocabulary);
    db::publish_file(staged / kSourceFile, made_from.dump(1) + "\n");
    fs::remove_all(target);
    db::publish_folder(staged, target);
  }
  return {shape, target, read_checkpoint_state(target).key};
}

}  // namespace crosslaw::trainer
