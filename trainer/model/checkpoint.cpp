#include "trainer/model/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"
#include "trainer/model/safetensors.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr int kCheckpointVersion = 1;
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";

// Our q, k and v lie in one matrix, and so do gate and up: one product instead of three or two.
// Checkpoints name the parts as Hugging Face does, so that other tools read them.
struct NamedRows {
  std::string name;  // Hugging Face's
  std::string slot;  // ours, which may hold several of theirs
  int64_t first_row;
  int64_t rows;
};

// Rows, for matrices are (outputs, inputs): a part of the outputs is a range of rows.
std::vector<NamedRows> hugging_face_names(const ModelShape& s) {
  std::vector<NamedRows> names = {{"model.embed_tokens.weight", "embedding", 0, s.vocabulary}};
  if (!s.tied_head) names.push_back({"lm_head.weight", "unembedding", 0, s.vocabulary});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    std::string theirs = fmt::format("model.layers.{}.", layer),
                ours = fmt::format("layers.{}.", layer);
    names.push_back({theirs + "self_attn.q_proj.weight", ours + "qkv", 0, s.hidden});
    names.push_back({theirs + "self_attn.k_proj.weight", ours + "qkv", s.hidden, s.hidden});
    names.push_back({theirs + "self_attn.v_proj.weight", ours + "qkv", 2 * s.hidden, s.hidden});
    names.push_back({theirs + "self_attn.o_proj.weight", ours + "attention_out", 0, s.hidden});
    names.push_back({theirs + "mlp.gate_proj.weight", ours + "gate_up", 0, s.ffn});
    names.push_back({theirs + "mlp.up_proj.weight", ours + "gate_up", s.ffn, s.ffn});
    names.push_back({theirs + "mlp.down_proj.weight", ours + "down", 0, s.hidden});
    names.push_back({theirs + "input_layernorm.weight", ours + "attention_norm", 0, s.hidden});
    names.push_back({theirs + "post_attention_layernorm.weight", ours + "ffn_norm", 0, s.hidden});
  }
  names.push_back({"model.norm.weight", "final_norm", 0, s.hidden});
  return names;
}

// Tensors of a flat buffer under Hugging Face's names.
std::map<std::string, at::Tensor> split(const Parameters& parameters, const at::Tensor& flat,
                                        const ModelShape& shape, const std::string& prefix) {
  std::map<std::string, at::Tensor> tensors;
  for (const NamedRows& n : hugging_face_names(shape)) {
    tensors[prefix + n.name] =
        parameters.view(flat, n.slot).narrow(0, n.first_row, n.rows).to(at::kCPU);
  }
  return tensors;
}

void join(const Parameters& parameters, const at::Tensor& flat, const ModelShape& shape,
          const std::string& prefix, const std::map<std::string, at::Tensor>& tensors,
          const fs::path& folder) {
  // Extra tensors of the file are left alone; a missing one is an error.
  for (const NamedRows& n : hugging_face_names(shape)) {
    at::Tensor target = parameters.view(flat, n.slot).narrow(0, n.first_row, n.rows);
    auto found = tensors.find(prefix + n.name);
    if (found == tensors.end() || found->second.sizes() != target.sizes()) {
      throw std::runtime_error(
          fmt::format("{}: {} is missing or has another shape", folder.string(), prefix + n.name));
    }
    target.copy_(found->second);
  }
}

json read_state(const fs::path& folder) {
  std::ifstream input(folder / kStateFile);
  json state = input ? json::parse(input, nullptr, false) : json();
  if (!state.is_object())
    throw std::runtime_error(
        fmt::format("{}: {} is missing or damaged", folder.string(), kStateFile));
  // Older versions are read, newer ones are not guessed at.
  if (int version = state.value("version", 0); version > kCheckpointVersion) {
    throw std::runtime_error(
        fmt::format("{}: checkpoint version {} is newer than this program knows ({})",
                    folder.string(), version, kCheckpointVersion));
  }
  return state;
}

std::map<std::string, at::Tensor> read_checked(const fs::path& folder, const char* name,
                                               const json& state) {
  std::string expected = state.at("sha256").value(name, "");
  if (expected.empty() || !fs::exists(folder / name)) {
    throw std::runtime_error(fmt::format("{}: {} is missing", folder.string(), name));
  }
  // Before a byte is believed: a disk that lies costs one attempt here, and a wrong loss later.
  if (db::sha256_of_file(folder / name) != expected) {
    throw std::runtime_error(
        fmt::format("{}: {} is damaged (its hash differs)", folder.string(), name));
  }
  return read_safetensors(folder / name);
}

}  // namespace

void publish_checkpoint(const Parameters& parameters, const ModelShape& shape,
                        const CheckpointState& state, bool with_optimizer, const fs::path& folder) {
  if (fs::exists(folder)) return;  // published before a restart at the same step
  fs::path staged = db::staging_path(folder);
  // What a crash left half-written under the same name.
  fs::remove_all(staged);
  fs::create_directories(staged);
  try {
    json hashes;
    // The master copy, not the bf16 weights: resuming must not round.
    write_safetensors(staged / kModelFile, split(parameters, parameters.master, shape, ""));
    hashes[kModelFile] = db::sha256_of_file(staged / kModelFile);
    if (with_optimizer) {
      auto moments = split(parameters, parameters.moment1, shape, "moment1.");
      moments.merge(split(parameters, parameters.moment2, shape, "moment2."));
      write_safetensors(staged / kOptimizerFile, moments);
      hashes[kOptimizerFile] = db::sha256_of_file(staged / kOptimizerFile);
    }
    // state.json last: it holds the hashes of what is there.
    json j = {{"version", kCheckpointVersion},
              {"step", state.step},
              {"key", state.key},
              {"trajectory", state.trajectory},
              {"sha256", hashes}};
    db::publish_file(staged / kStateFile, j.dump(1) + "\n");
    db::publish_folder(staged, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    throw;
  }
}

CheckpointState load_checkpoint(Parameters& parameters, const ModelShape& shape,
                                bool with_optimizer, const fs::path& folder) {
  try {
    json state = read_state(folder);
    CheckpointState result{state.at("step"), state.at("key"), state.at("trajectory")};
    auto model = read_checked(folder, kModelFile, state);
    std::map<std::string, at::Tensor> moments;
    if (with_optimizer) moments = read_checked(folder, kOptimizerFile, state);
    // Everything is read and checked by now; from here on the parameters change.
    join(parameters, parameters.master, shape, "", model, folder);
    if (with_optimizer) {
      join(parameters, parameters.moment1, shape, "moment1.", moments, folder);
      join(parameters, parameters.moment2, shape, "moment2.", moments, folder);
    }
    parameters.copy_master_to_weights();
    return result;
  } catch (const json::exception& error) {
    throw std::runtime_error(
        fmt::format("{}: {} is damaged: {}", folder.string(), kStateFile, error.what()));
  }
}

}  // namespace crosslaw::trainer
