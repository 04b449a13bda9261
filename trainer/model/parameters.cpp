#include "trainer/model/parameters.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

namespace crosslaw::trainer {
namespace {

// Each weight starts at a multiple of this many elements, for aligned loads: 128 bytes of bf16, a
// GPU's cache line. The gaps hold zeros, whose gradients and moments stay zero.
constexpr int64_t kAlignment = 64;

std::vector<ParameterSlot> layout(const ModelShape& s) {
  std::vector<ParameterSlot> slots;
  auto matrix = [&](const std::string& name, int64_t outputs, int64_t inputs, int64_t fan_in) {
    slots.push_back(
        {name, {outputs, inputs}, 0, 1.0 / std::sqrt(3.0 * static_cast<double>(fan_in)), false});
  };
  auto norm = [&](const std::string& name) { slots.push_back({name, {s.hidden}, 0, 0, true}); };
  // Looking up a row has no fan-in; the hidden size gives the tied head logits of order one.
  matrix("embedding", s.vocabulary, s.hidden, s.hidden);
  if (!s.tied_head) matrix("unembedding", s.vocabulary, s.hidden, s.hidden);
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    matrix(fmt::format("layers.{}.qkv", layer), 3 * s.hidden, s.hidden, s.hidden);
    matrix(fmt::format("layers.{}.attention_out", layer), s.hidden, s.hidden, s.hidden);
    matrix(fmt::format("layers.{}.gate_up", layer), 2 * s.ffn, s.hidden, s.hidden);
    matrix(fmt::format("layers.{}.down", layer), s.hidden, s.ffn, s.ffn);
  }
  // Behind all matrices, so that weight decay covers one range of the buffer.
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    norm(fmt::format("layers.{}.attention_norm", layer));
    norm(fmt::format("layers.{}.ffn_norm", layer));
  }
  norm("final_norm");
  return slots;
}

// The normal numbers of one matrix depend on (seed, its name) alone.
void fill_normal(at::Tensor cpu, uint64_t seed, size_t index, double std) {
  // Multiplied by 2^64 / golden ratio, so that (seed, index) and (seed + 1, index - 1) differ. The
  // generator is the standard's, whose numbers are the same everywhere.
  std::mt19937_64 generator(seed * 0x9E3779B97F4A7C15u + index);
  float* values = cpu.data_ptr<float>();
  // Box-Muller: std::normal_distribution differs between standard libraries.
  auto uniform = [&]() { return (static_cast<double>(generator() >> 11) + 0.5) * 0x1.0p-53; };
  for (int64_t i = 0; i < cpu.numel(); i += 2) {
    double radius = std * std::sqrt(-2.0 * std::log(uniform())), angle = 2.0 * M_PI * uniform();
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < cpu.numel()) values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

int64_t ParameterSlot::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

Parameters::Parameters(const ModelShape& shape, at::ScalarType weight_type, at::Device device)
    : slots_(layout(shape)) {
  int64_t offset = 0;
  for (ParameterSlot& slot : slots_) {
    if (slot.is_norm && decayed_count_ == 0) decayed_count_ = offset;
    slot.offset = offset;
    offset += (slot.count() + kAlignment - 1) / kAlignment * kAlignment;
  }
  auto zeros = [&](at::ScalarType type) {
    return at::zeros({offset}, at::TensorOptions().dtype(type).device(device));
  };
  weights = zeros(weight_type);
  gradients = zeros(at::kFloat);
  master = weight_type == at::kFloat ? weights : zeros(at::kFloat);
  moment1 = zeros(at::kFloat);
  moment2 = zeros(at::kFloat);
}

void Parameters::initialize(uint64_t seed, double std) {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const ParameterSlot& slot = slots_[i];
    at::Tensor values = at::ones(slot.shape, at::kFloat);
    if (!slot.is_norm) fill_normal(values, seed, i, std > 0 ? std : slot.init_std);
    // Through the master copy: weights in bf16 are the rounding of the same numbers.
    view(master, slot.name).copy_(values);
  }
  copy_master_to_weights();
}

at::Tensor Parameters::view(const at::Tensor& flat, const std::string& name) const {
  for (const ParameterSlot& slot : slots_) {
    if (slot.name == name) return flat.narrow(0, slot.offset, slot.count()).view(slot.shape);
  }
  throw std::runtime_error("the model has no weight named " + name);
}

void Parameters::copy_master_to_weights() {
  if (!weights.is_same(master)) weights.copy_(master);
}

}  // namespace crosslaw::trainer
