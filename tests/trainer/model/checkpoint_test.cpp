#include "trainer/model/checkpoint.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/safetensors.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::read_safetensors;
using tests::TempFolder;
using tests::write_safetensors;

const ModelShape kShape{64, 8, 20, 2, 1, false};

Parameters filled(uint64_t seed) {
  Parameters p(kShape, at::kFloat, at::kCPU);
  p.initialize(seed, 0.0);
  for (const ParameterSlot& slot : p.slots()) {
    p.view(p.moment1, slot.name).fill_(static_cast<double>(slot.offset) + 0.5);
    p.view(p.moment2, slot.name).fill_(static_cast<double>(slot.offset) + 0.25);
  }
  return p;
}

}  // namespace

TEST_CASE("a checkpoint brings back weights and moments to the last bit") {
  TempFolder folder;
  Parameters saved = filled(1), loaded(kShape, at::kFloat, at::kCPU);
  publish_checkpoint(saved, kShape, {7, "key", "trajectory"}, true, folder / "c");
  CheckpointState state = load_checkpoint(loaded, kShape, true, folder / "c");
  CHECK(state.step == 7);
  CHECK(state.key == "key");
  CHECK(state.trajectory == "trajectory");
  CHECK(at::equal(loaded.weights, saved.weights));
  CHECK(at::equal(loaded.moment1, saved.moment1));
  CHECK(at::equal(loaded.moment2, saved.moment2));
  CHECK(checkpoint_damage(folder / "c", true).empty());
}

TEST_CASE("weights carry Hugging Face's names and shapes") {
  TempFolder folder;
  Parameters saved = filled(1);
  publish_checkpoint(saved, kShape, {1, "k", "t"}, false, folder / "c");
  auto tensors = read_safetensors(folder / "c/model.safetensors");
  CHECK(tensors.size() == 12);
  CHECK(at::equal(tensors.at("model.embed_tokens.weight"), saved.weight("embedding")));
  CHECK(at::equal(tensors.at("lm_head.weight"), saved.weight("unembedding")));
  CHECK(at::equal(tensors.at("model.layers.0.self_attn.k_proj.weight"),
                  saved.weight("layers.0.qkv").narrow(0, 8, 8)));
  CHECK(at::equal(tensors.at("model.layers.0.mlp.up_proj.weight"),
                  saved.weight("layers.0.gate_up").narrow(0, 20, 20)));
  CHECK(tensors.at("model.layers.0.mlp.down_proj.weight").sizes() == at::IntArrayRef({8, 20}));
}

TEST_CASE("a final checkpoint has no moments and cannot be resumed") {
  TempFolder folder;
  Parameters saved = filled(1);
  publish_checkpoint(saved, kShape, {1, "k", "t"}, false, folder / "c");
  CHECK_FALSE(std::filesystem::exists(folder / "c/moment1.safetensors"));
  CHECK_THAT(message_of([&] { load_checkpoint(saved, kShape, true, folder / "c"); }),
             has_text("moment1.safetensors is missing"));
}

TEST_CASE("damage anywhere is found before a weight is touched") {
  TempFolder folder;
  publish_checkpoint(filled(1), kShape, {1, "k", "t"}, true, folder / "good");
  auto refused_with = [&](const std::string& name, const std::string& content) {
    std::filesystem::remove_all(folder / "bad");
    std::filesystem::copy(folder / "good", folder / "bad");
    folder.write("bad/" + name, content);
    Parameters target = filled(2), before = filled(2);
    CHECK_THAT(message_of([&] { load_checkpoint(target, kShape, true, folder / "bad"); }),
               has_text("bad"));
    CHECK(at::equal(target.weights, before.weights));
    CHECK(at::equal(target.moment1, before.moment1));
  };
  for (const char* name :
       {"model.safetensors", "moment1.safetensors", "moment2.safetensors", "state.json"}) {
    INFO(name);
    const std::string whole = tests::read_file(folder / "good" / name);
    REQUIRE(whole.size() > 100);
    for (size_t length = 0; length < whole.size(); length += 1 + whole.size() / 40)
      refused_with(name, whole.substr(0, length));
    for (size_t place = 0; place < whole.size(); place += 1 + whole.size() / 40) {
      std::string flipped = whole;
      flipped[place] = static_cast<char>(flipped[place] ^ 1);
      INFO("byte " << place);
      refused_with(name, flipped);
    }
  }
}

// As version 1 wrote it.
TEST_CASE("a checkpoint with both moments in one file is read") {
  TempFolder folder;
  Parameters saved = filled(1), loaded(kShape, at::kFloat, at::kCPU);
  publish_checkpoint(saved, kShape, {7, "key", "trajectory"}, true, folder / "c");
  auto both = read_safetensors(folder / "c/moment1.safetensors");
  both.merge(read_safetensors(folder / "c/moment2.safetensors"));
  const std::string moments = write_safetensors(folder / "c/optimizer.safetensors", both);
  std::filesystem::remove(folder / "c/moment1.safetensors");
  std::filesystem::remove(folder / "c/moment2.safetensors");
  const nlohmann::json state = {
      {"version", 1},
      {"step", 7},
      {"key", "key"},
      {"trajectory", "trajectory"},
      {"sha256",
       {{"model.safetensors", read_checkpoint_state(folder / "c").sha256.at("model.safetensors")},
        {"optimizer.safetensors", moments}}}};
  folder.write("c/state.json", state.dump(1));
  CHECK(load_checkpoint(loaded, kShape, true, folder / "c").step == 7);
  CHECK(at::equal(loaded.weights, saved.weights));
  CHECK(at::equal(loaded.moment1, saved.moment1));
  CHECK(at::equal(loaded.moment2, saved.moment2));
}

// What `part` owns of a weight is that of `whole`.
void check_own_parts(const Parameters& part, const Parameters& whole, const ParameterSlot& slot) {
  const int64_t place = part.slot(slot.name).offset;
  for (const Bucket& b : part.buckets()) {
    const int64_t begin = std::max(place, b.own_begin),
                  count = std::min(place + slot.count(), b.own_begin + b.own_count) - begin;
    if (count <= 0) continue;
    auto theirs = [&](const at::Tensor& flat) {
      return flat.narrow(0, slot.offset + begin - place, count);
    };
    auto ours = [&](const at::Tensor& slice) {
      return slice.narrow(0, b.slice_begin + begin - b.own_begin, count);
    };
    CHECK(
        at::equal(part.own_master(b).narrow(0, begin - b.own_begin, count), theirs(whole.master)));
    CHECK(at::equal(ours(part.moment1), theirs(whole.moment1)));
    CHECK(at::equal(ours(part.moment2), theirs(whole.moment2)));
  }
}

TEST_CASE("a checkpoint of one rank is loaded slice by slice by any number of ranks") {
  TempFolder folder;
  Parameters saved = filled(1);
  publish_checkpoint(saved, kShape, {7, "key", "trajectory"}, true, folder / "c");
  for (int64_t ranks : {2, 3, 4, 7}) {
    for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (int64_t rank = 0; rank < ranks; ++rank) {
        Parameters part(kShape, type, at::kCPU, rank, ranks);
        load_checkpoint(part, kShape, true, folder / "c");
        INFO("rank " << rank << " of " << ranks);
        // Buckets end with zeros, which are not those of another number of ranks.
        for (const ParameterSlot& slot : saved.slots()) {
          CHECK(at::equal(part.weight(slot.name), saved.weight(slot.name).to(type)));
          check_own_parts(part, saved, slot);
        }
      }
    }
  }
}

TEST_CASE("another model's checkpoint is refused") {
  TempFolder folder;
  publish_checkpoint(filled(1), kShape, {1, "k", "t"}, false, folder / "c");
  ModelShape other = kShape;
  other.ffn = 24;
  Parameters target(other, at::kFloat, at::kCPU);
  CHECK_THAT(message_of([&] { load_checkpoint(target, other, false, folder / "c"); }),
             has_text("is missing or has another shape"));
}

TEST_CASE("a checkpoint that cannot be written leaves nothing") {
  TempFolder folder;
  folder.write("file", "");
  CHECK_THAT(message_of([&] {
               publish_checkpoint(filled(1), kShape, {1, "k", "t"}, true, folder / "file/c");
             }),
             has_text((folder / "file").string()));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("safetensors headers that lie are refused") {
  TempFolder folder;
  auto write = [&](const std::string& header, const std::string& data) {
    uint64_t length = header.size();
    return folder.write("x.safetensors",
                        std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
  };
  auto message = [&](const std::filesystem::path& file) {
    return message_of([&] { read_safetensors(file); });
  };
  CHECK_THAT(message(write(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                           std::string(8, 'x'))),
             has_text("nothing was thrown"));
  CHECK_THAT(message(write(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "x")),
             has_text("lies outside the file"));
  CHECK_THAT(message(write(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                           std::string(8, 'x'))),
             has_text("does not match its shape"));
  CHECK_THAT(message(write(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", "xxxx")),
             has_text("F16"));
  CHECK_THAT(message(write("{", "")), has_text("x.safetensors"));
  CHECK_THAT(message(folder.write("x.safetensors", "short")), has_text("is no safetensors file"));
  CHECK_THAT(message(folder.write("x.safetensors", std::string(8, '\xff'))),
             has_text("is no safetensors file"));
}

}  // namespace crosslaw::trainer
