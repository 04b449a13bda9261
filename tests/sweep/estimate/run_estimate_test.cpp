#include "sweep/estimate/run_estimate.h"

#include <map>

#include "sweep/estimate/sweep_estimate.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "trainer/recipe/memory_model.h"

namespace crosslaw::sweep {
namespace {

struct PaperSweep {
  SweepSpec spec = read_spec("sweep/presets/paper.toml");
  Plan plan = make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
};

Machine gpus(const std::string& name, int64_t count) {
  Machine machine;
  machine.gpu = gpu_kind(read_gpu_file("sweep/presets/gpus.toml"), name, "gpus.toml");
  machine.count = count;
  machine.dollars_an_hour = machine.gpu->dollars_an_hour;
  return machine;
}

const PlannedRun& run_named(const Plan& plan, const std::string& name) {
  for (const PlannedRun& run : plan.runs) {
    if (run.name == name) return run;
  }
  throw std::invalid_argument("no run " + name);
}

}  // namespace

TEST_CASE("no run of the paper's sweep is faster than its GPUs' peak or slower than a tenth") {
  const PaperSweep paper;
  for (const std::string name : {"a100", "h100", "h200", "b200"}) {
    const Machine machine = gpus(name, 64);
    for (const PlannedRun& run : tests::some(paper.plan.runs)) {
      const RunEstimate estimate = estimate_run(run, paper.spec, machine);
      INFO(name << " " << run.name);
      const double peak_seconds =
          run.row.flops / (machine.gpu->speed.matrix_flops * static_cast<double>(estimate.gpus));
      CHECK(estimate.training_seconds > peak_seconds);
      CHECK(estimate.training_seconds < 10 * peak_seconds);
      CHECK(estimate.utilisation == Approx(peak_seconds / estimate.training_seconds));
      CHECK(estimate.evaluation_seconds < 0.2 * estimate.training_seconds);
    }
  }
}

TEST_CASE("a run takes the fewest GPUs that hold it and the largest micro-batch there") {
  const PaperSweep paper;
  std::map<int64_t, int> runs_by_gpus;
  for (const PlannedRun& run : tests::some(paper.plan.runs)) {
    const Machine machine = gpus("h100", 64);
    const RunEstimate estimate = estimate_run(run, paper.spec, machine);
    ++runs_by_gpus[estimate.gpus];
    INFO(run.name);
    CHECK(estimate.problem.empty());
    CHECK(estimate.memory_bytes <= machine.hold_bytes());
    trainer::TrainingSetup setup{run.recipe.model,
                                 run.recipe.context_tokens,
                                 2 * estimate.micro_batch_sequences,
                                 estimate.gpus,
                                 true,
                                 true};
    const int64_t share = run.recipe.batch_sequences / estimate.gpus;
    if (2 * estimate.micro_batch_sequences <= share)
      CHECK(trainer::memory_use(setup).total() > machine.hold_bytes());
    setup.micro_batch_sequences = 1, setup.ranks = estimate.gpus / 2;
    if (estimate.gpus > 1) CHECK(trainer::memory_use(setup).total() > machine.hold_bytes());
  }
  CHECK(runs_by_gpus[1] > 100);
  // 5.5 billion parameters with AdamW in fp32 are more than 80 GB hold.
  CHECK(runs_by_gpus[1] < 120);
  const RunEstimate largest =
      estimate_run(run_named(paper.plan, "source 5534M 20tpp"), paper.spec, gpus("h100", 64));
  CHECK(largest.gpus_needed > 1);
  CHECK(estimate_run(run_named(paper.plan, "source 5534M 20tpp"), paper.spec, gpus("h200", 64))
            .gpus_needed == 1);
}

TEST_CASE("what does not fit says how much it needs and how much there is") {
  PaperSweep paper;
  Machine small = gpus("h100", 64);
  small.gpu->memory_bytes = 12e9;
  const RunEstimate none =
      estimate_run(run_named(paper.plan, "source 5534M 20tpp"), paper.spec, small);
  CHECK(none.gpus_needed == 0);
  CHECK_THAT(none.problem, has_text("GB") && has_text("2048 sequences"));
  const RunEstimate alone =
      estimate_run(run_named(paper.plan, "source 5534M 20tpp"), paper.spec, gpus("h100", 1));
  CHECK_THAT(alone.problem, has_text("needs") && has_text("there is 1"));
}

// A slice of AdamW's state a GPU leaves room for larger micro-batches, so that a little may be won.
TEST_CASE("more GPUs a run are faster, by hardly more than their number") {
  const PaperSweep paper;
  const auto rows = with_wider_runs(paper.plan, paper.spec, gpus("h100", 64));
  REQUIRE(rows.size() == 4);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    CHECK(rows[i].critical_seconds < rows[i - 1].critical_seconds);
    CHECK(rows[i].critical_seconds > 0.45 * rows[i - 1].critical_seconds);
    CHECK(rows[i].gpu_seconds == Approx(rows[0].gpu_seconds).epsilon(0.15));
  }
}

TEST_CASE("the sweep's totals are those of its runs, and shared steps are counted once") {
  tests::SmallSweep sweep;
  const SweepSpec spec = read_spec(sweep.spec);
  const Plan plan =
      make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  Machine cpu;
  cpu.count = 2;
  cpu.slot = {0, 0, 1e-9};
  cpu.dollars_an_hour = 3600;
  const SweepEstimate estimate = estimate_sweep(plan, spec, cpu);
  double trained = 0, exact = 0, evaluated = 0;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    trained += plan.runs[i].flops_to_train(), exact += plan.runs[i].row.flops;
    evaluated += estimate.runs[i].evaluation_seconds;
  }
  REQUIRE(trained < exact);
  CHECK(estimate.gpu_seconds == Approx(trained / 1e9 + evaluated));
  CHECK(estimate.gpu_seconds_saved == Approx((exact - trained) / 1e9));
  CHECK(estimate.dollars == Approx(estimate.gpu_seconds));
  // Text: what the longest run of each language reads.
  for (const auto& [language, need] : tests::some(estimate.text)) {
    int64_t most = 0;
    for (const PlannedRun& run : plan.runs) {
      if (run.row.language == language) most = std::max(most, run.row.tokens_target);
    }
    CHECK(need.train_tokens >= most);
    CHECK(need.valid_tokens == spec.valid_tokens);
  }
}

}  // namespace crosslaw::sweep
