#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/plain_llama.h"
#include "trainer/model/parameters.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/train_config.h"
#include "trainer/text_stream.h"

namespace crosslaw::tests {

inline std::vector<int64_t> all_windows(const trainer::ValidationText& text) {
  std::vector<int64_t> windows(static_cast<size_t>(text.windows()));
  std::iota(windows.begin(), windows.end(), 0);
  return windows;
}

using Leaves = std::map<std::string, at::Tensor>;

inline Leaves leaves_of(const trainer::Parameters& parameters, at::ScalarType type) {
  Leaves leaves;
  for (const trainer::ParameterSlot& slot : parameters.slots())
    leaves[slot.name] = parameters.weight(slot.name).to(type).clone();
  return leaves;
}

struct PlainStep {
  double loss, norm;
};

// A run as PyTorch would do it: AdamW (arXiv:1711.05101, algorithm 2) over autograd's gradients,
// all in fp32 or all in fp64.
class PlainTraining {
 public:
  PlainTraining(const trainer::TrainConfig& config, const trainer::Parameters& start,
                at::ScalarType type)
      : config_(config), text_(config), weights_(leaves_of(start, type)) {
    for (const trainer::ParameterSlot& slot : start.slots()) is_norm_[slot.name] = slot.is_norm;
    for (const auto& [name, w] : weights_)
      m_[name] = at::zeros_like(w), v_[name] = at::zeros_like(w);
  }

  PlainStep step(int64_t step) {
    for (auto& [name, w] : weights_) w = w.detach().requires_grad_();
    std::vector<at::Tensor> inputs;
    for (const auto& [name, w] : weights_) inputs.push_back(w);
    at::Tensor loss = plain_llama_loss(config_.recipe.model, weights_, text_.batch(step));
    auto gradients = torch::autograd::grad({loss}, inputs);
    double squares = 0;
    for (const at::Tensor& g : gradients) squares += g.pow(2).sum().item<double>();
    const trainer::OptimizerOptions& o = config_.recipe.optimizer;
    double norm = std::sqrt(squares), clip = norm > o.clip_norm ? o.clip_norm / norm : 1;
    double rate = trainer::learning_rate(config_.recipe.schedule, step),
           n = static_cast<double>(step + 1);
    size_t i = 0;
    for (auto& [name, w] : weights_) {
      at::Tensor g = gradients[i++] * clip;
      m_[name] = o.beta1 * m_[name] + (1 - o.beta1) * g;
      v_[name] = o.beta2 * v_[name] + (1 - o.beta2) * g * g;
      at::Tensor ahead = m_[name] / (1 - std::pow(o.beta1, n)),
                 spread = (v_[name] / (1 - std::pow(o.beta2, n))).sqrt() + o.epsilon;
      double decay = is_norm_[name] ? 0 : o.weight_decay;
      w = w.detach() * (1 - rate * decay) - rate * ahead / spread;
    }
    return {loss.item<double>(), norm};
  }

  double validation_loss(const trainer::ValidationText& text) const {
    return plain_llama_loss(config_.recipe.model, weights_, text.windows_of(all_windows(text)))
        .item<double>();
  }

 private:
  trainer::TrainConfig config_;
  trainer::TrainingText text_;
  Leaves weights_, m_, v_;
  std::map<std::string, bool> is_norm_;
};

}  // namespace crosslaw::tests
