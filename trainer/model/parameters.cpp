#include "trainer/model/parameters.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>

namespace crosslaw::trainer {
namespace {

// Each weight starts at a multiple of this many elements, for aligned loads: 128 bytes of bf16, a
// GPU's cache line. The gaps hold zeros, whose gradients and moments stay zero.
constexpr int64_t kAlignment = 64;

constexpr size_t kMostThreads = 16;
constexpr int64_t kFewNumbers = int64_t{1} << 22;

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
    matrix(fmt::format("layers.{}.qkv", layer), s.qkv_width(), s.hidden, s.hidden);
    matrix(fmt::format("layers.{}.attention_out", layer), s.hidden, s.query_width(),
           s.query_width());
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

Parameters::Parameters(const ModelShape& shape, at::ScalarType weight_type, at::Device device,
                       int64_t rank, int64_t ranks)
    : slots_(layout(shape)) {
  int64_t offset = 0;
  for (ParameterSlot& slot : slots_) {
    if (slot.is_norm && decayed_count_ == 0) decayed_count_ = offset;
    slot.offset = offset;
    offset += (slot.count() + kAlignment - 1) / kAlignment * kAlignment;
  }
  // Slices are equal, hence the zeros behind the last weight.
  const int64_t unit = kAlignment * ranks, count = (offset + unit - 1) / unit * unit;
  slice_begin_ = rank * (count / ranks);
  auto zeros = [&](int64_t size, at::ScalarType type) {
    return at::zeros({size}, at::TensorOptions().dtype(type).device(device));
  };
  weights = zeros(count, weight_type);
  gradients = zeros(count, at::kFloat);
  const bool separate = weight_type != at::kFloat;
  master = separate ? zeros(count / ranks, at::kFloat) : weights;
  if (!separate && ranks > 1) master = weights.narrow(0, slice_begin_, count / ranks);
  moment1 = zeros(count / ranks, at::kFloat);
  moment2 = zeros(count / ranks, at::kFloat);
}

void Parameters::initialize(uint64_t seed, double std) {
  // A thread a matrix: each has a generator of its own, so that the order does not matter.
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < slots_.size(); i = next++) {
      const ParameterSlot& slot = slots_[i];
      at::Tensor values = at::ones(slot.shape, at::kFloat);
      if (!slot.is_norm) fill_normal(values, seed, i, std > 0 ? std : slot.init_std);
      put_master(slot.name, 0, values);
    }
  };
  // Small models are done before a thread has started.
  if (count() < kFewNumbers) return work();
  std::vector<std::future<void>> helpers;
  for (size_t i = 0; i < threads; ++i) helpers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& helper : helpers) helper.get();
}

const ParameterSlot& Parameters::slot(const std::string& name) const {
  for (const ParameterSlot& slot : slots_) {
    if (slot.name == name) return slot;
  }
  throw std::runtime_error("the model has no weight named " + name);
}

at::Tensor Parameters::view(const at::Tensor& flat, const std::string& name) const {
  const ParameterSlot& found = slot(name);
  return flat.narrow(0, found.offset, found.count()).view(found.shape);
}

void Parameters::put_master(const std::string& name, int64_t first_row, const at::Tensor& rows) {
  // Weights in bf16 are the rounding of the same numbers.
  view(weights, name).narrow(0, first_row, rows.size(0)).copy_(rows);
  // Else the master copy is the weights.
  if (weights.scalar_type() != at::kFloat) put_moment(master, name, first_row, rows);
}

void Parameters::put_moment(const at::Tensor& moment, const std::string& name, int64_t first_row,
                            const at::Tensor& rows) const {
  const ParameterSlot& found = slot(name);
  const int64_t row = found.count() / found.shape.front();
  const int64_t offset = found.offset + first_row * row;
  const int64_t begin = std::max(offset, slice_begin_),
                end = std::min(offset + rows.numel(), slice_begin_ + slice_count());
  if (begin >= end) return;
  moment.narrow(0, begin - slice_begin_, end - begin)
      .copy_(rows.reshape({-1}).narrow(0, begin - offset, end - begin));
}

void Parameters::copy_master_to_weights() {
  if (weights.scalar_type() != at::kFloat)
    weights.narrow(0, slice_begin_, slice_count()).copy_(master);
}

}  // namespace crosslaw::trainer
