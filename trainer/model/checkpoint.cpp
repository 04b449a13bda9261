#include "trainer/model/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <functional>
#include <future>
#include <map>
#include <stdexcept>
#include <vector>

#include "db/files/atomic_file.h"
#include "trainer/model/safetensors.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kMoment1File = "moment1.safetensors";
constexpr const char* kMoment2File = "moment2.safetensors";
constexpr const char* kBothMomentsFile = "optimizer.safetensors";  // of version 1
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
  const int64_t q = s.query_width(), k = s.key_width();
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    std::string theirs = fmt::format("model.layers.{}.", layer),
                ours = fmt::format("layers.{}.", layer);
    names.push_back({theirs + "self_attn.q_proj.weight", ours + "qkv", 0, q});
    names.push_back({theirs + "self_attn.k_proj.weight", ours + "qkv", q, k});
    names.push_back({theirs + "self_attn.v_proj.weight", ours + "qkv", q + k, k});
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

// A flat buffer under Hugging Face's names, in the order in which it lies there, so that it can
// come piece by piece.
std::vector<WrittenTensor> written_tensors(const Parameters& layout, const NumbersOf& numbers_of,
                                           const ModelShape& shape, const std::string& prefix) {
  std::map<int64_t, WrittenTensor> by_place;
  for (const NamedRows& n : hugging_face_names(shape)) {
    const ParameterSlot& slot = layout.slot(n.slot);
    std::vector<int64_t> rows = slot.shape;
    const int64_t row = slot.count() / rows.front(), place = slot.offset + n.first_row * row;
    rows.front() = n.rows;
    by_place[place] = {prefix + n.name, rows, [&numbers_of, place, count = n.rows * row] {
                         return numbers_of(place, count);
                       }};
  }
  std::vector<WrittenTensor> tensors;
  for (auto& each : by_place) tensors.push_back(std::move(each.second));
  return tensors;
}

// Publishes what `write` has written, and hashed, into the folder that it is given.
void publish_written(CheckpointState state, const fs::path& folder,
                     const std::function<void(const fs::path&, CheckpointState&)>& write) {
  if (fs::exists(folder)) return;  // published before a restart at the same step
  const fs::path staged = db::staging_path(folder);
  // What a crash left half-written under the same name.
  fs::remove_all(staged);
  fs::create_directories(staged);
  try {
    state.sha256.clear();
    write(staged, state);
    // state.json last: it holds the hashes of what is there.
    db::publish_file(staged / kStateFile, state_text(state));
    db::publish_folder(staged, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    throw;
  }
}

// One flat buffer on disk: which file, under which names, and where its rows go.
struct Source {
  const char* file;
  std::string prefix;
  std::function<void(const NamedRows&, const at::Tensor&)> put;
};

std::vector<Source> sources(Parameters& p, const CheckpointState& state, bool with_optimizer) {
  std::vector<Source> all = {{kModelFile, "", [&p](const NamedRows& n, const at::Tensor& rows) {
                                p.put_master(n.slot, n.first_row, rows);
                              }}};
  if (!with_optimizer) return all;
  auto moment = [&p](const at::Tensor& target) {
    return [&p, target](const NamedRows& n, const at::Tensor& rows) {
      p.put_moment(target, n.slot, n.first_row, rows);
    };
  };
  const bool one_file = state.sha256.contains(kBothMomentsFile);
  all.push_back({one_file ? kBothMomentsFile : kMoment1File, "moment1.", moment(p.moment1)});
  all.push_back({one_file ? kBothMomentsFile : kMoment2File, "moment2.", moment(p.moment2)});
  return all;
}

// Extra tensors of a file are left alone; a missing one is an error.
void require_shapes(const SafetensorsFile& file, const Source& source, const Parameters& p,
                    const ModelShape& shape, const fs::path& folder) {
  for (const NamedRows& n : hugging_face_names(shape)) {
    std::vector<int64_t> expected = p.slot(n.slot).shape;
    expected.front() = n.rows;
    const auto found = file.entries().find(source.prefix + n.name);
    if (found == file.entries().end() || found->second.shape != expected) {
      throw std::runtime_error(fmt::format("{}: {} is missing or has another shape",
                                           folder.string(), source.prefix + n.name));
    }
  }
}

}  // namespace

void publish_checkpoint(const Parameters& layout, const TrainedNumbers& numbers,
                        const ModelShape& shape, const CheckpointState& state,
                        const fs::path& folder) {
  publish_written(state, folder, [&](const fs::path& staged, CheckpointState& written) {
    // A thread a file: hashing one takes about as long as writing it.
    std::map<std::string, std::future<std::string>> hashes;
    auto write = [&](const char* file, const at::Tensor& flat, const char* prefix) {
      hashes[file] = std::async(std::launch::async, [&, file, flat, prefix] {
        const NumbersOf part = [&flat](int64_t begin, int64_t count) {
          return flat.narrow(0, begin, count);
        };
        return stream_safetensors(staged / file, written_tensors(layout, part, shape, prefix));
      });
    };
    // The master copy, not the bf16 weights: resuming must not round.
    write(kModelFile, numbers.master, "");
    if (numbers.moment1.defined()) {
      write(kMoment1File, numbers.moment1, "moment1.");
      write(kMoment2File, numbers.moment2, "moment2.");
    }
    for (auto& [file, hash] : hashes) written.sha256[file] = hash.get();
  });
}

void publish_checkpoint(const Parameters& layout, const NumberStreams& numbers,
                        const ModelShape& shape, const CheckpointState& state,
                        const fs::path& folder) {
  publish_written(state, folder, [&](const fs::path& staged, CheckpointState& written) {
    auto write = [&](const char* file, const NumbersOf& part, const char* prefix) {
      if (part)
        written.sha256[file] =
            stream_safetensors(staged / file, written_tensors(layout, part, shape, prefix));
    };
    write(kModelFile, numbers.master, "");
    write(kMoment1File, numbers.moment1, "moment1.");
    write(kMoment2File, numbers.moment2, "moment2.");
  });
}

void publish_checkpoint(const Parameters& parameters, const ModelShape& shape,
                        const CheckpointState& state, bool with_optimizer, const fs::path& folder) {
  TrainedNumbers numbers{parameters.master, {}, {}};
  if (with_optimizer) numbers.moment1 = parameters.moment1, numbers.moment2 = parameters.moment2;
  publish_checkpoint(parameters, numbers, shape, state, folder);
}

CheckpointState load_checkpoint(Parameters& parameters, const ModelShape& shape,
                                bool with_optimizer, const fs::path& folder) {
  CheckpointState state = read_checkpoint_state(folder);
  std::vector<Source> wanted = sources(parameters, state, with_optimizer);
  for (const Source& source : wanted) {
    if (!state.sha256.contains(source.file))
      throw std::runtime_error(fmt::format("{}: {} is missing", folder.string(), source.file));
  }
  // Before a byte is believed: a disk that lies costs one attempt here, and a wrong loss later.
  require_checkpoint_files(state, folder, true);
  std::vector<SafetensorsFile> files;
  for (const Source& source : wanted) {
    files.emplace_back(folder / source.file);
    require_shapes(files.back(), source, parameters, shape, folder);
  }
  // Everything is checked by now; from here on the parameters change, one tensor at a time, so that
  // no second copy of them is ever held.
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    for (const NamedRows& n : hugging_face_names(shape))
      wanted[i].put(n, files[i].read(wanted[i].prefix + n.name));
  }
  return state;
}

}  // namespace crosslaw::trainer
