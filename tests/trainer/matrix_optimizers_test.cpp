#include "trainer/matrix_optimizers.h"

#include <ATen/ATen.h>

#include <cmath>

#include "tests/support/training_workshop.h"
#include "trainer/recipe/learning_rate.h"

namespace crosslaw::trainer {
namespace {

using tests::Journal;
using Workshop = tests::TrainingWorkshop;

constexpr ModelShape kShape{256, 12, 24, 2, 2, true};

Recipe recipe_with(OptimizerKind kind) {
  Recipe r;
  r.model = kShape;
  r.schedule = {ScheduleKind::kCosine, 50, 2, 0, 0.02, 0.1};
  r.optimizer.kind = kind;
  r.optimizer.adam_learning_rate = 0.004;
  return r;
}

// Gradients that a fixed rule draws anew for each step.
void draw_gradients(Parameters& p, int64_t step) {
  for (const ParameterSlot& slot : p.slots()) {
    at::Tensor g = p.view(p.gradients, slot.name);
    float* numbers = g.data_ptr<float>();
    for (int64_t i = 0; i < slot.count(); ++i)
      numbers[i] = 0.01f * std::sin(static_cast<float>((i + 1) * (step + 3) + slot.offset));
  }
}

at::Tensor norm_of(const at::Tensor& gradients) {
  return at::linalg_vector_norm(gradients).view({1});
}

}  // namespace

TEST_CASE("AdamH is the published rule, worked out a second time in double, matrix by matrix") {
  const Recipe recipe = recipe_with(OptimizerKind::kAdamH);
  Parameters p(kShape, at::kFloat, at::kCPU);
  p.initialize(1, 0.0);
  // Queries alone: the first rows of the packed weight.
  const auto queries = [&](const at::Tensor& flat) {
    return p.view(flat, "layers.1.qkv").narrow(0, 0, kShape.query_width()).to(at::kDouble).clone();
  };
  at::Tensor w = queries(p.master), m1 = at::zeros_like(w), m2 = at::zeros_like(w);
  const double size = w.norm().item<double>();
  for (int64_t step = 0; step < 20; ++step) {
    draw_gradients(p, step);
    const at::Tensor norm = norm_of(p.gradients);
    const double clip = std::min(1.0, 1.0 / norm.item<double>());
    const at::Tensor g = queries(p.gradients) * clip;
    m1 = 0.9 * m1 + 0.1 * g;
    m2 = 0.95 * m2 + 0.05 * g * g;
    const auto n = static_cast<double>(step + 1);
    const at::Tensor u =
        (m1 / (1 - std::pow(0.9, n))) / ((m2 / (1 - std::pow(0.95, n))).sqrt() + 1e-8);
    w = w - learning_rate(recipe.schedule, step) * size * u / u.norm();
    w = w * size / w.norm();
    matrix_step(p, recipe, step, norm, {});
    INFO("step " << step);
    REQUIRE((queries(p.master) - w).abs().max().item<double>() < 1e-6);
  }
  CHECK(queries(p.master).norm().item<double>() == Approx(size).epsilon(1e-6));
}

TEST_CASE("AdamH keeps the norm of every matrix of the layers, and of no other weight") {
  const Recipe recipe = recipe_with(OptimizerKind::kAdamH);
  Parameters p(kShape, at::kFloat, at::kCPU);
  p.initialize(2, 0.0);
  std::map<std::string, double> before;
  for (const ParameterSlot& slot : p.slots())
    before[slot.name] = p.view(p.master, slot.name).norm().item<double>();
  for (int64_t step = 0; step < 30; ++step) {
    draw_gradients(p, step);
    matrix_step(p, recipe, step, norm_of(p.gradients), {});
  }
  for (const ParameterSlot& slot : p.slots()) {
    const double after = p.view(p.master, slot.name).norm().item<double>();
    INFO(slot.name << " " << before[slot.name] << " " << after);
    const bool on_sphere = std::abs(after / before[slot.name] - 1) < 1e-5;
    CHECK(on_sphere == (slot.name.starts_with("layers.") && !slot.is_norm));
  }
}

TEST_CASE("embedding and norms take AdamW's step at the rate of their own, without decay") {
  for (OptimizerKind kind : {OptimizerKind::kAdamH, OptimizerKind::kMuon}) {
    const Recipe recipe = recipe_with(kind);
    Parameters p(kShape, at::kFloat, at::kCPU);
    p.initialize(3, 0.0);
    at::Tensor w = p.view(p.master, "embedding").clone();
    draw_gradients(p, 0);
    at::Tensor g = p.view(p.gradients, "embedding").clone();
    matrix_step(p, recipe, 0, norm_of(p.gradients), {});
    // The first step of Adam is the rate in the direction of the gradient's sign.
    const double rate = learning_rate(recipe.schedule, 0) * 0.004 / 0.02;
    const at::Tensor wanted = w - rate * at::sign(g);
    const at::Tensor large = g.abs() > 1e-3;
    CHECK(((p.view(p.master, "embedding") - wanted) * large).abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("Muon's direction has singular values near one and the singular vectors of its matrix") {
  for (auto [rows, columns] : {std::pair{12, 30}, {30, 12}, {16, 16}}) {
    const at::Tensor matrix =
        at::sin(at::arange(rows * columns, at::kFloat) * 1.7).view({rows, columns});
    const at::Tensor o = orthogonalised(matrix);
    const auto [u, s, v] = at::linalg_svd(o, false);
    CHECK(s.max().item<double>() < 1.2);
    CHECK(at::linalg_vector_norm(o).item<double>() <=
          1.15 * std::sqrt(static_cast<double>(std::min(rows, columns))));
    // The same polynomial in the singular values: the two commute.
    const at::Tensor product = at::matmul(o, matrix.t());
    CHECK((product - product.t()).abs().max().item<double>() <
          1e-3 * product.abs().max().item<double>());
  }
}

TEST_CASE("either optimizer learns, and resumes bit by bit") {
  Workshop w;
  for (OptimizerKind kind : {OptimizerKind::kAdamH, OptimizerKind::kMuon}) {
    TrainConfig config = w.config("fr", 40);
    config.recipe.optimizer.kind = kind;
    config.recipe.optimizer.adam_learning_rate = 0.02;
    config.recipe.schedule.peak_learning_rate = kind == OptimizerKind::kMuon ? 0.02 : 0.05;
    const std::string name = kind == OptimizerKind::kMuon ? "muon" : "adamh";
    Journal whole = w.run(config, name);
    CHECK(whole.losses.at(39) < whole.losses.at(0) - 0.5);
    Journal first = w.run(config, name + "-first", 17);
    config.execution.start_checkpoints = {w.checkpoint(name + "-first", 17)};
    Journal second = w.run(config, name + "-second");
    CHECK(second.evals == whole.evals);
    for (const auto& [step, loss] : second.losses) CHECK(loss == whole.losses.at(step));
  }
}

TEST_CASE("the optimizer is part of the key, and AdamW's key is what it was") {
  Recipe adamw = recipe_with(OptimizerKind::kAdamW), adamh = recipe_with(OptimizerKind::kAdamH),
         muon = recipe_with(OptimizerKind::kMuon);
  adamw.optimizer.adam_learning_rate = 0;
  adamh.mixture = muon.mixture = adamw.mixture = {{"fr", 1.0, "s"}};
  CHECK(run_key(adamh) != run_key(adamw));
  CHECK(run_key(adamh) != run_key(muon));
}

}  // namespace crosslaw::trainer
