#include "trainer/interchange/llama_config.h"

#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;
using tests::message_of;
using tests::TempFolder;

// As transformers 4 wrote it for TinyLlama 1.1B.
const json kVersion4 = {{"architectures", {"LlamaForCausalLM"}},
                        {"attention_bias", false},
                        {"bos_token_id", 1},
                        {"eos_token_id", 2},
                        {"hidden_act", "silu"},
                        {"hidden_size", 2048},
                        {"initializer_range", 0.02},
                        {"intermediate_size", 5632},
                        {"max_position_embeddings", 2048},
                        {"model_type", "llama"},
                        {"num_attention_heads", 32},
                        {"num_hidden_layers", 22},
                        {"num_key_value_heads", 4},
                        {"pretraining_tp", 1},
                        {"rms_norm_eps", 1e-05},
                        {"rope_scaling", nullptr},
                        {"tie_word_embeddings", false},
                        {"torch_dtype", "bfloat16"},
                        {"use_cache", true},
                        {"vocab_size", 32000}};

ModelShape read(const json& config) {
  TempFolder folder;
  return read_llama_config(folder.write("config.json", config.dump()));
}

json changed(const std::string& key, const json& value) {
  json config = kVersion4;
  config[key] = value;
  return config;
}

}  // namespace

TEST_CASE("a configuration of version 4 gives the published number of parameters") {
  ModelShape shape = read(kVersion4);
  CHECK(count_parameters(shape).total() == 1'100'048'384);
  CHECK(shape.norm_epsilon == 1e-5);
  CHECK(shape.rope_theta == 1e4);
  CHECK(shape.kv_heads == 4);
  CHECK(shape.head_dim == 0);
}

TEST_CASE("a configuration of version 5 keeps its angles in rope_parameters") {
  json config = changed("rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5e5}});
  config.erase("rope_scaling");
  config["dtype"] = "bfloat16";
  CHECK(read(config).rope_theta == 5e5);
  CHECK(read(changed("rope_theta", 250000.0)).rope_theta == 250000.0);
  CHECK(read(changed("rope_scaling", {{"rope_type", "default"}})).rope_theta == 1e4);
}

TEST_CASE("what a file leaves out is what transformers assumes") {
  json config = kVersion4;
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "tie_word_embeddings"})
    config.erase(key);
  ModelShape shape = read(config);
  CHECK(shape.key_heads() == 32);
  CHECK(shape.norm_epsilon == 1e-6);
  CHECK_FALSE(shape.tied_head);
  CHECK(read(changed("head_dim", 64)).head_dim == 0);  // the usual one, as a ladder leaves it out
  CHECK(read(changed("head_dim", 128)).query_width() == 4096);
}

TEST_CASE("what the model would compute otherwise is refused with its reason") {
  auto message = [](const std::string& key, const json& value) {
    return message_of([&] { read(changed(key, value)); });
  };
  CHECK_THAT(message("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}),
             has_text("rotary angles are scaled (rope_scaling: \"llama3\")"));
  CHECK_THAT(message("rope_scaling", {{"type", "linear"}, {"factor", 2.0}}),
             has_text("\"linear\""));
  CHECK_THAT(message("rope_parameters", {{"rope_type", "yarn"}}), has_text("\"yarn\""));
  CHECK_THAT(message("model_type", "qwen2"), has_text("model_type is \"qwen2\""));
  CHECK_THAT(message("attention_bias", true), has_text("attention_bias is true"));
  CHECK_THAT(message("mlp_bias", true), has_text("mlp_bias is true"));
  CHECK_THAT(message("hidden_act", "gelu"), has_text("hidden_act is \"gelu\""));
  CHECK_THAT(message("quantization_config", {{"bits", 4}}), has_text("quantised"));
  CHECK_THAT(message("partial_rotary_factor", 0.5), has_text("partial_rotary_factor"));
  CHECK_THAT(message("num_key_value_heads", 5), has_text("model.kv_heads = 5"));
  CHECK_THAT(message("hidden_size", -1), has_text("model.hidden = -1"));
  CHECK_THAT(message("hidden_size", "large"), has_text("config.json: is damaged"));
  CHECK_THAT(message_of([] { read(json::array()); }), has_text("is no JSON object"));
  CHECK_THROWS_AS(read(changed("mlp_bias", true)), std::invalid_argument);
}

TEST_CASE("a shape comes back from the configuration written for it") {
  for (const ModelShape& shape :
       {ModelShape{256, 12, 52, 2, 2, true}, ModelShape{300, 24, 64, 4, 3, false, 1e-6, 5e5, 2, 0},
        ModelShape{300, 24, 64, 4, 3, true, 1e-5, 1e4, 1, 8}}) {
    ModelShape again = read(llama_config(shape, 128, 2));
    Recipe a, b;
    a.model = shape, b.model = again;
    CHECK(to_json(a) == to_json(b));
    int64_t numbers = 0;
    for (const NamedTensor& tensor : llama_tensors(shape)) {
      int64_t count = 1;
      for (int64_t size : tensor.shape) count *= size;
      numbers += count;
    }
    CHECK(numbers == count_parameters(shape).total());
  }
}

TEST_CASE("a mutated configuration is read or refused, and never more") {
  TempFolder folder;
  const std::string whole = kVersion4.dump();
  std::mt19937 draw(7);
  int64_t refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = whole;
    for (unsigned n = 0; n <= draw() % 3; ++n) {
      const size_t at = draw() % text.size();
      switch (draw() % 3) {
        case 0:
          text[at] = static_cast<char>(draw());
          break;
        case 1:
          text.erase(at, 1 + draw() % 9);
          break;
        default:
          text.insert(at, text.substr(draw() % text.size(), 1 + draw() % 12));
      }
      if (text.empty()) text = " ";
    }
    auto file = folder.write("config.json", text);
    try {
      const ModelShape shape = read_llama_config(file);
      CHECK(complaints(shape).empty());
    } catch (const std::invalid_argument& error) {
      ++refused;
      REQUIRE_THAT(error.what(), has_text("config.json: "));
    }
  }
  CHECK(refused > 2000);
}

}  // namespace crosslaw::trainer
