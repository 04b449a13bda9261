#include <fstream>
#include <nlohmann/json.hpp>

#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/interchange/export_model.h"
#include "trainer/interchange/import_model.h"
#include "trainer/interchange/llama_config.h"
#include "trainer/interchange/tensor_file.h"
#include "trainer/recipe/checkpoint_state.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;
using tests::message_of;
using tests::TempFolder;

const ModelShape kShape{10, 8, 12, 4, 2, false, 1e-5, 1e4, 2, 0};

float number(const std::string& name, size_t i) {
  return static_cast<float>(name.size() * 31 % 17) + static_cast<float>(i) / 64;
}

void write_model(const std::filesystem::path& folder, const ModelShape& shape) {
  std::filesystem::create_directories(folder);
  write_tensor_file(folder / "model.safetensors", llama_tensors(shape),
                    [](const NamedTensor& tensor, const NumberSink& out) {
                      size_t count = 1;
                      for (int64_t size : tensor.shape) count *= static_cast<size_t>(size);
                      std::vector<float> numbers(count);
                      for (size_t i = 0; i < count; ++i) numbers[i] = number(tensor.name, i);
                      out(numbers);
                    });
  std::ofstream(folder / "config.json") << llama_config(shape, 16, 0).dump();
}

std::vector<float> numbers_of(const std::filesystem::path& file, const std::string& name) {
  std::vector<float> numbers;
  read_numbers(name, tensors_in_file(file).at(name), [&](const std::vector<float>& piece) {
    numbers.insert(numbers.end(), piece.begin(), piece.end());
  });
  return numbers;
}

}  // namespace

TEST_CASE("a model becomes a checkpoint once, and again when a file of it changes") {
  TempFolder folder;
  write_model(folder / "theirs", kShape);
  ImportedModel first = import_model(folder / "theirs", folder / "start", 10);
  CHECK(checkpoint_damage(folder / "start", true).empty());
  CHECK(first.shape.kv_heads == 2);
  CHECK(first.key == "hugging-face-" + db::sha256_of_file(folder / "start/model.safetensors"));
  auto made = std::filesystem::last_write_time(folder / "start/state.json");
  CHECK(import_model(folder / "theirs", folder / "start", 10).key == first.key);
  CHECK(std::filesystem::last_write_time(folder / "start/state.json") == made);
  // A damaged checkpoint is made again, the same.
  std::string bytes = tests::read_file(folder / "start/model.safetensors");
  bytes.back() ^= 1;
  folder.write("start/model.safetensors", bytes);
  CHECK(import_model(folder / "theirs", folder / "start", 10).key == first.key);
  CHECK(checkpoint_damage(folder / "start", true).empty());
  ModelShape other = kShape;
  other.ffn = 20;
  write_model(folder / "theirs", other);
  CHECK(import_model(folder / "theirs", folder / "start", 10).key != first.key);
}

TEST_CASE("another vocabulary keeps the first rows and fills the others with their mean") {
  TempFolder folder;
  write_model(folder / "theirs", kShape);
  for (int64_t rows : {7, 13}) {
    import_model(folder / "theirs", folder / "start", rows);
    for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"}) {
      auto numbers = numbers_of(folder / "start/model.safetensors", name);
      REQUIRE(numbers.size() == static_cast<size_t>(rows) * 8);
      for (size_t i = 0; i < numbers.size(); ++i) {
        float mean = number(name, 36 + i % 8);  // of rows 0 to 9: halfway between 4 and 5
        CHECK(numbers[i] == (i < 80 ? number(name, i) : mean));
      }
    }
    CHECK(numbers_of(folder / "start/model.safetensors", "model.norm.weight").size() == 8);
  }
}

TEST_CASE("a model whose tensors are not those of its configuration is named, tensor by tensor") {
  TempFolder folder;
  write_model(folder / "theirs", kShape);
  auto message = [&](ModelShape shape) {
    std::ofstream(folder / "theirs/config.json") << llama_config(shape, 16, 0).dump();
    return message_of([&] { import_model(folder / "theirs", folder / "start", 10); });
  };
  ModelShape deeper = kShape, wider = kShape, shallower = kShape;
  deeper.layers = 3, wider.ffn = 14, shallower.layers = 1;
  CHECK_THAT(message(deeper), has_text("model.layers.2.input_layernorm.weight is missing"));
  CHECK_THAT(message(wider), has_text("has the shape [8,12], config.json promises [8,14]"));
  CHECK_THAT(message(shallower), has_text("model.layers.1.") && has_text("is no tensor of this"));
  CHECK_FALSE(std::filesystem::exists(folder / "start"));
}

TEST_CASE(
    "a checkpoint is exported whole, with a tokenizer of the bytes, and nothing is overwritten") {
  TempFolder folder;
  write_model(folder / "theirs", kShape);
  import_model(folder / "theirs", folder / "start", 10);
  ExportedModel model{folder / "start", kShape, 16, {}, "", 0, "", "# a card\n"};
  export_model(model, folder / "out");
  CHECK(tests::read_file(folder / "out/model.safetensors") ==
        tests::read_file(folder / "start/model.safetensors"));
  CHECK(read_llama_config(folder / "out/config.json").kv_heads == 2);
  CHECK(tests::read_file(folder / "out/README.md") == "# a card\n");
  json tokenizer = json::parse(tests::read_file(folder / "out/tokenizer.json"));
  CHECK(tokenizer["model"]["vocab"].size() == 256);
  CHECK(tokenizer["model"]["vocab"]["A"] == 65);
  CHECK_THAT(message_of([&] { export_model(model, folder / "out"); }), has_text("out: exists"));
  model.shape.ffn = 13;
  CHECK_THAT(message_of([&] { export_model(model, folder / "other"); }),
             has_text("missing or has another shape"));
  std::string bytes = tests::read_file(folder / "start/model.safetensors");
  bytes.back() ^= 1;
  folder.write("start/model.safetensors", bytes);
  CHECK_THAT(message_of([&] { export_model(model, folder / "other"); }), has_text("is damaged"));
  CHECK_FALSE(std::filesystem::exists(folder / "other"));
}

TEST_CASE("imported and exported, a model is the same to the last bit") {
  TempFolder folder;
  write_model(folder / "theirs", kShape);
  ImportedModel once = import_model(folder / "theirs", folder / "start", 10);
  export_model({folder / "start", kShape, 16, {}, "", 0, "", ""}, folder / "out");
  CHECK(import_model(folder / "out", folder / "again", 10).key == once.key);
}

}  // namespace crosslaw::trainer
