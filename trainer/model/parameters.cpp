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

// A message of 64 MiB keeps a link between GPUs busy; in memory a layer at a time is as good.
constexpr int64_t kGpuBucketNumbers = int64_t{1} << 24, kCpuBucketNumbers = 1;

constexpr size_t kMostThreads = 16;
constexpr int64_t kFewNumbers = int64_t{1} << 22;

std::vector<ParameterSlot> layout(const ModelShape& s) {
  std::vector<ParameterSlot> slots;
  int64_t final_after_layer = ParameterSlot::kAtTheEnd;
  auto matrix = [&](const std::string& name, int64_t outputs, int64_t inputs, int64_t fan_in) {
    const double std = 1.0 / std::sqrt(3.0 * static_cast<double>(fan_in));
    slots.push_back({name, {outputs, inputs}, 0, std, false, final_after_layer});
  };
  auto norm = [&](const std::string& name) { slots.push_back({name, {s.hidden}, 0, 0, true}); };
  // Looking up a row has no fan-in; the hidden size gives the tied head logits of order one.
  matrix("embedding", s.vocabulary, s.hidden, s.hidden);
  final_after_layer = s.layers;  // before the first layer's turn
  if (!s.tied_head) matrix("unembedding", s.vocabulary, s.hidden, s.hidden);
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    final_after_layer = layer;
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
  const int64_t unit = kAlignment * ranks;  // parts are equal, hence zeros behind a bucket
  const int64_t smallest = device.is_cuda() ? kGpuBucketNumbers : kCpuBucketNumbers;
  int64_t offset = 0, slice = 0;
  Bucket open;
  auto close = [&] {
    offset = (offset + unit - 1) / unit * unit;
    open.count = offset - open.begin;
    open.own_count = open.count / ranks;
    open.own_begin = open.begin + rank * open.own_count;
    open.slice_begin = slice;
    slice += open.own_count;
    buckets_.push_back(open);
  };
  for (size_t i = 0; i < slots_.size(); ++i) {
    ParameterSlot& slot = slots_[i];
    const bool first_norm = slot.is_norm && decayed_count_ == 0;
    // A rank alone sends nothing: all matrices are one bucket, all norms the other.
    const bool full = ranks > 1 && i > 0 && offset - open.begin >= smallest &&
                      slot.final_after_layer != slots_[i - 1].final_after_layer;
    if (first_norm || full) {
      close();
      open = {offset, 0, slot.final_after_layer};
    }
    if (first_norm) decayed_count_ = offset;
    if (i == 0) open.final_after_layer = slot.final_after_layer;
    open.final_after_layer = std::min(open.final_after_layer, slot.final_after_layer);
    slot.offset = offset;
    offset += (slot.count() + kAlignment - 1) / kAlignment * kAlignment;
  }
  close();
  auto zeros = [&](int64_t size, at::ScalarType type) {
    return at::zeros({size}, at::TensorOptions().dtype(type).device(device));
  };
  weights = zeros(offset, weight_type);
  gradients = zeros(offset, at::kFloat);
  master = weight_type != at::kFloat ? zeros(slice, at::kFloat) : weights;
  moment1 = zeros(slice, at::kFloat);
  moment2 = zeros(slice, at::kFloat);
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
  for (const Bucket& b : buckets_) {
    const int64_t begin = std::max(offset, b.own_begin),
                  end = std::min(offset + rows.numel(), b.own_begin + b.own_count);
    if (begin >= end) continue;
    moment.narrow(0, b.slice_begin + begin - b.own_begin, end - begin)
        .copy_(rows.reshape({-1}).narrow(0, begin - offset, end - begin));
  }
}

at::Tensor Parameters::own_master(const Bucket& bucket) const {
  return weights.scalar_type() != at::kFloat
             ? master.narrow(0, bucket.slice_begin, bucket.own_count)
             : weights.narrow(0, bucket.own_begin, bucket.own_count);
}

}  // namespace crosslaw::trainer
