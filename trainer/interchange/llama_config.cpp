#include "trainer/interchange/llama_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

// What transformers' LlamaConfig assumes for what a file leaves out.
constexpr double kDefaultNormEpsilon = 1e-6;
constexpr double kDefaultRopeTheta = 10000.0;
constexpr double kInitStd = 0.02;

[[noreturn]] void refuse(const fs::path& file, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}: {}", file.string(), reason));
}

bool given(const json& config, const char* key) {
  return config.contains(key) && !config[key].is_null();
}

// What our model has no counterpart for; ignoring it would give other logits.
void refuse_what_differs(const json& config, const fs::path& file) {
  std::string type = config.value("model_type", "");
  if (type != "llama" && type != "mistral")
    refuse(file, fmt::format("model_type is \"{:.40}\"; only the LLaMA family can be continued "
                             "(\"llama\", and \"mistral\" without a sliding window)",
                             type));
  if (given(config, "sliding_window") && type == "mistral")
    refuse(file, "attention has a sliding window, this program's sees the whole context");
  if (std::string act = config.value("hidden_act", "silu"); act != "silu")
    refuse(file,
           fmt::format("hidden_act is \"{:.40}\", this program's feed-forward knows silu", act));
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (config.value(bias, false))
      refuse(file, fmt::format("{} is true, this program's matrices have no biases", bias));
  }
  if (given(config, "quantization_config"))
    refuse(file, "the weights are quantised; give the checkpoint in bf16, fp16 or fp32");
  if (given(config, "partial_rotary_factor") && config["partial_rotary_factor"] != 1.0)
    refuse(file, "only a part of each head is rotated (partial_rotary_factor)");
}

// theta; scaled angles are refused.
double rope_theta(const json& config, const fs::path& file) {
  json theta = config.value("rope_theta", json());
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!given(config, key)) continue;
    const json& rope = config[key];
    std::string type = rope.value("rope_type", rope.value("type", "default"));
    if (type != "default")
      refuse(file, fmt::format(
                       "rotary angles are scaled ({}: \"{:.40}\"); this program turns a pair i by "
                       "position * theta^(-2i / head_size) alone, so that the model would compute "
                       "something else; take a checkpoint from before its context was extended",
                       key, type));
    if (given(rope, "rope_theta")) theta = rope["rope_theta"];
  }
  return theta.is_null() ? kDefaultRopeTheta : theta.get<double>();
}

ModelShape shape_of(const json& config, const fs::path& file) {
  ModelShape s;
  config.at("vocab_size").get_to(s.vocabulary);
  config.at("hidden_size").get_to(s.hidden);
  config.at("intermediate_size").get_to(s.ffn);
  config.at("num_attention_heads").get_to(s.heads);
  config.at("num_hidden_layers").get_to(s.layers);
  if (given(config, "num_key_value_heads")) config["num_key_value_heads"].get_to(s.kv_heads);
  if (given(config, "head_dim")) config["head_dim"].get_to(s.head_dim);
  s.tied_head = config.value("tie_word_embeddings", false);
  s.norm_epsilon = config.value("rms_norm_eps", kDefaultNormEpsilon);
  s.rope_theta = rope_theta(config, file);
  // Explicit sizes that are the usual ones are left out, as a ladder leaves them out.
  if (s.kv_heads == s.heads) s.kv_heads = 0;
  if (s.heads > 0 && s.hidden % s.heads == 0 && s.head_dim == s.hidden / s.heads) s.head_dim = 0;
  return s;
}

}  // namespace

ModelShape read_llama_config(const fs::path& file) {
  std::ifstream input(file);
  if (!input)
    refuse(file, "cannot be read; a folder with a config.json of Hugging Face was expected");
  json config = json::parse(input, nullptr, false);
  if (!config.is_object()) refuse(file, "is no JSON object");
  try {
    refuse_what_differs(config, file);
    ModelShape shape = shape_of(config, file);
    if (auto messages = complaints(shape); !messages.empty()) refuse(file, messages.front());
    return shape;
  } catch (const json::exception& error) {
    refuse(file, fmt::format("is damaged, or no LLaMA's: {}", error.what()));
  }
}

json llama_config(const ModelShape& s, int64_t context_tokens, int32_t end_token) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"vocab_size", s.vocabulary},
          {"hidden_size", s.hidden},
          {"intermediate_size", s.ffn},
          {"num_hidden_layers", s.layers},
          {"num_attention_heads", s.heads},
          {"num_key_value_heads", s.key_heads()},
          {"head_dim", s.head_size()},
          {"hidden_act", "silu"},
          {"max_position_embeddings", context_tokens},
          {"rms_norm_eps", s.norm_epsilon},
          {"initializer_range", kInitStd},
          {"tie_word_embeddings", s.tied_head},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"mlp_bias", false},
          {"bos_token_id", end_token},
          {"eos_token_id", end_token},
          {"use_cache", true},
          // Version 4, then version 5: each leaves the other's alone.
          {"rope_theta", s.rope_theta},
          {"rope_scaling", nullptr},
          {"torch_dtype", "float32"},
          {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", s.rope_theta}}},
          {"dtype", "float32"}};
}

std::vector<NamedTensor> llama_tensors(const ModelShape& s) {
  std::vector<NamedTensor> tensors = {{"model.embed_tokens.weight", {s.vocabulary, s.hidden}},
                                      {"model.norm.weight", {s.hidden}}};
  if (!s.tied_head) tensors.push_back({"lm_head.weight", {s.vocabulary, s.hidden}});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    auto add = [&](const char* name, std::vector<int64_t> shape) {
      tensors.push_back({fmt::format("model.layers.{}.{}.weight", layer, name), std::move(shape)});
    };
    add("self_attn.q_proj", {s.query_width(), s.hidden});
    add("self_attn.k_proj", {s.key_width(), s.hidden});
    add("self_attn.v_proj", {s.key_width(), s.hidden});
    add("self_attn.o_proj", {s.hidden, s.query_width()});
    add("mlp.gate_proj", {s.ffn, s.hidden});
    add("mlp.up_proj", {s.ffn, s.hidden});
    add("mlp.down_proj", {s.hidden, s.ffn});
    add("input_layernorm", {s.hidden});
    add("post_attention_layernorm", {s.hidden});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; });
  return tensors;
}

}  // namespace crosslaw::trainer
