#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// A LLaMA-2 style decoder: RMSNorm, rotary embedding, gated SiLU feed-forward, no biases.
struct ModelShape {
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t ffn = 0;  // width of one branch of the gated feed-forward
  int64_t heads = 0;
  int64_t layers = 0;
  bool tied_head = false;  // the unembedding is the embedding
  double norm_epsilon = 1e-5;
  double rope_theta = 10000.0;
  int64_t kv_heads = 0;  // of keys and values, each shared by heads / kv_heads queries; 0: heads
  int64_t head_dim = 0;  // numbers a head has; 0: hidden / heads

  int64_t head_size() const { return head_dim > 0 ? head_dim : hidden / heads; }
  int64_t key_heads() const { return kv_heads > 0 ? kv_heads : heads; }
  int64_t query_width() const { return heads * head_size(); }
  int64_t key_width() const { return key_heads() * head_size(); }
  int64_t qkv_width() const { return query_width() + 2 * key_width(); }
};

enum class ScheduleKind {
  kCosine,  // warm-up, then half a cosine down to final_ratio of the peak
  kWsd,     // warm-up, constant, then a (1 - sqrt) cooldown to zero (arXiv:2405.18392)
};

// How a wsd run's rate falls to zero: as 1 - sqrt(t) (arXiv:2405.18392), or linearly (OLMo,
// Delphi).
enum class Cooldown { kOneMinusSqrt, kLinear };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  int64_t steps = 0;
  int64_t warmup_steps = 0;
  int64_t cooldown_steps = 0;  // wsd only
  double peak_learning_rate = 0;
  double final_ratio = 0.1;                     // cosine only
  Cooldown cooldown = Cooldown::kOneMinusSqrt;  // wsd only
};

// What moves the matrices of the layers. With the latter two the embedding, the head and the norms
// take AdamW's steps, at a rate of their own and without decay.
enum class OptimizerKind {
  kAdamW,
  kAdamH,  // Adam's step scaled to the rate times the matrix' norm, then back to that norm
  kMuon,   // orthogonalised momentum
};

struct OptimizerOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  // on matrices, not on norm weights
  double clip_norm = 1.0;     // global L2 norm of the gradient; 0 switches clipping off
  OptimizerKind kind = OptimizerKind::kAdamW;
  double adam_learning_rate = 0;  // peak of what is no matrix of a layer; not of kAdamW
};

// One language's part in the training data. The first part is the target language.
struct MixturePart {
  std::string language;
  double share = 1.0;  // of the sequences; all shares sum to 1
  std::string sha256;  // of the training shard
};

struct ValidationSet {
  std::string language;
  std::string sha256;
};

// Everything that can change a run's losses, and nothing else: no path, device index or retry
// count.
struct Recipe {
  ModelShape model;
  std::string tokenizer_sha256;
  int64_t context_tokens = 0;
  int64_t batch_sequences = 0;  // sequences in one optimizer step
  Schedule schedule;
  OptimizerOptions optimizer;
  std::string precision = "auto";  // fp32, bf16 (fp32 master weights), auto: bf16 on GPU, else fp32
  std::vector<MixturePart> mixture;
  std::vector<ValidationSet> validation;
  uint64_t seed = 0;
  double init_std = 0.0;   // of the normal initialisation; 0: 1/sqrt(3 fan_in) for each matrix
  std::string parent_key;  // the run whose final weights this one starts from; empty: random
  int64_t parent_step = 0;

  int64_t batch_tokens() const { return batch_sequences * context_tokens; }
};

// What one attempt needs beside the recipe; it never changes a loss.
struct Execution {
  std::string token;           // names the attempt; a result with another token is not its result
  std::string device = "cpu";  // cpu or cuda
  std::string gpu_uuid;        // the GPU promised to this attempt
  int64_t threads = 1;         // on the CPU
  std::map<std::string, std::string> train_shards;  // language -> file
  std::map<std::string, std::string> valid_shards;
  // Tokens [begin, end) of those that training text holds as well: language -> ranges. Losses on
  // windows that reach into them are said apart.
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> seen_tokens;
  std::vector<std::string> start_checkpoints;  // of the same trajectory, best first; may be damaged
  std::string parent_checkpoint;
  std::map<std::string, std::string> choice_files;  // scored at the end: name -> file
  // Validation after so many steps; after the last one always. 0: the model it begins from.
  std::vector<int64_t> evaluation_steps;
  // Of the validation sets but the first (the source language's): measured at the start and the end
  // alone, or along the way on so many of their tokens; 0: on all.
  bool others_at_ends_only = false;
  int64_t others_course_tokens = 0;
  std::vector<int64_t> publish_steps;  // checkpoints that other runs start from
  double checkpoint_every_seconds = 600;
  double checkpoint_time_share = 0.02;  // of all time, at most; 1: as often as asked for
  int64_t micro_batch_sequences = 0;    // 0: the whole batch on the CPU, what fits on the GPU
  int64_t ranks = 1;                    // processes that share each batch, one a GPU
  // The batch is cut into so many parts, whose gradients are added up pair by pair; a rank takes as
  // many as another. Where sums have a fixed order (on the CPU), the same number of parts gives the
  // same bits on any number of ranks, all of them powers of two. 0: one a rank.
  int64_t gradient_parts = 0;
  // On a GPU the same bits each time, at a price: prefer_deterministic_attention().
  bool deterministic = false;
  double rank_timeout_seconds = 300;  // so long a rank waits for the others, then the attempt ends
};

struct TrainConfig {
  Recipe recipe;
  Execution execution;
};

// Each message names field, value and the bound that is broken. Empty: the config is usable.
std::vector<std::string> complaints(const ModelShape& shape);
std::vector<std::string> complaints(const Recipe& recipe);
std::vector<std::string> complaints(const TrainConfig& config);

nlohmann::json to_json(const Recipe& recipe);
Recipe recipe_from_json(const nlohmann::json& json);

// Identity of a run: sha256 of the recipe's canonical JSON.
std::string recipe_text(const Recipe& recipe);
std::string key_of(const std::string& text);
std::string run_key(const Recipe& recipe);

// Two runs with the same trajectory agree step for step until the first of them cools down: a
// warm-up-stable-decay run of a small token budget can start from a checkpoint of a larger one.
std::string trajectory_key(const Recipe& recipe);

// config.json of an attempt. Throws std::runtime_error naming the file and the key that is wrong.
void write_config(const TrainConfig& config, const std::filesystem::path& file);
TrainConfig read_config(const std::filesystem::path& file);

}  // namespace crosslaw::trainer
