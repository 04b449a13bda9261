#include "trainer/run_checkpoints.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "db/files/file_system.h"
#include "trainer/model/checkpoint.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/model_cost.h"
#include "trainer/run_setup.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

// One checkpoint stays until the next one is there.
void require_disk(const fs::path& folder, const ModelShape& model) {
  const std::string shortage =
      db::disk_shortage(folder, checkpoint_bytes(model, true) + checkpoint_bytes(model, false));
  if (!shortage.empty()) throw Refused("no room for the run's checkpoints: " + shortage);
}

// A slice that comes bucket by bucket. Of fp32 weights, which are the master copy, every rank has
// all.
class GatheredSlice {
 public:
  GatheredSlice(const Parameters& parameters, GradientExchange& exchange, const at::Tensor& slice)
      : parameters_(parameters), exchange_(exchange), slice_(slice) {}

  at::Tensor part(int64_t begin, int64_t count) {
    if (slice_.is_same(parameters_.weights)) return slice_.narrow(0, begin, count);
    while (next_ == 0 || begin >= bucket().begin + bucket().count) gather();
    return gathered_.narrow(0, begin - bucket().begin, count);
  }
  // What is left for the others to hear of.
  void finish() {
    while (!slice_.is_same(parameters_.weights) && next_ < parameters_.buckets().size()) gather();
  }

 private:
  const Bucket& bucket() const { return parameters_.buckets()[next_ - 1]; }
  void gather() {
    gathered_ = at::Tensor();  // before the next one is there
    const at::Tensor next = exchange_.collect(slice_, parameters_.buckets()[next_++]);
    gathered_ = next.to(at::kCPU);
  }

  const Parameters& parameters_;
  GradientExchange& exchange_;
  const at::Tensor& slice_;
  size_t next_ = 0;  // so many buckets have come; the last of them is here
  at::Tensor gathered_;
};

}  // namespace

bool all_agree(Communicator& ranks, const Parameters& parameters, bool yes) {
  if (ranks.ranks() == 1) return yes;
  const at::Tensor nays =
      at::full({1}, yes ? 0.0 : 1.0, parameters.weights.options().dtype(at::kDouble));
  ranks.all_reduce(nays);
  ranks.finish();
  return nays.item<double>() == 0;
}

void stream_checkpoint(const Parameters& parameters, GradientExchange& exchange,
                       const Communicator& ranks, const ModelShape& shape,
                       const CheckpointState& state, bool resumable, const fs::path& folder) {
  GatheredSlice master(parameters, exchange, parameters.master),
      moment1(parameters, exchange, parameters.moment1),
      moment2(parameters, exchange, parameters.moment2);
  const std::vector<GatheredSlice*> all =
      resumable ? std::vector{&master, &moment1, &moment2} : std::vector{&master};
  if (ranks.rank() == 0) {
    auto stream = [](GatheredSlice& slice) {
      return [&slice](int64_t begin, int64_t count) { return slice.part(begin, count); };
    };
    NumberStreams numbers{stream(master), {}, {}};
    if (resumable) numbers.moment1 = stream(moment1), numbers.moment2 = stream(moment2);
    publish_checkpoint(parameters, numbers, shape, state, folder);
  }
  for (GatheredSlice* slice : all) slice->finish();
}

RunCheckpoints::RunCheckpoints(const TrainConfig& config, fs::path folder, Parameters& parameters,
                               GradientExchange& exchange, Communicator& ranks, Hooks hooks)
    : config_(config),
      recipe_(config.recipe),
      folder_(std::move(folder)),
      parameters_(parameters),
      exchange_(exchange),
      ranks_(ranks),
      hooks_(std::move(hooks)),
      key_(run_key(recipe_)),
      trajectory_(trajectory_key(recipe_)),
      publish_steps_(config.execution.publish_steps.begin(), config.execution.publish_steps.end()),
      writer_(parameters, recipe_.model) {
  if (is_first()) require_disk(folder_, recipe_.model);
}

void RunCheckpoints::say(const std::string& message) const {
  if (hooks_.say) hooks_.say(message);
}

int64_t RunCheckpoints::restore() {
  for (const std::string& candidate : config_.execution.start_checkpoints) {
    const std::optional<int64_t> step = resume_from(candidate);
    // From different states ranks would train something else than the run.
    if (all_agree(ranks_, parameters_, step.has_value())) {
      say(fmt::format("resuming at step {} from {}", *step, candidate));
      return *step;
    }
    if (step) say(fmt::format("not used: {}: another rank could not read it", candidate));
  }
  // A rejected candidate may have been loaded before its key was read.
  parameters_.moment1.zero_();
  parameters_.moment2.zero_();
  if (recipe_.parent_key.empty()) {
    parameters_.initialize(recipe_.seed, recipe_.init_std);
  } else {
    load_parent();
  }
  return 0;
}

// Weights alone: the schedule begins anew, and so do the moments. A checkpoint on the way is called
// by its trajectory, which longer and shorter runs share.
void RunCheckpoints::load_parent() {
  const std::string& parent = config_.execution.parent_checkpoint;
  try {
    const CheckpointState state = load_checkpoint(parameters_, recipe_.model, false, parent);
    const bool on_the_way =
        state.trajectory == recipe_.parent_key && state.step == recipe_.parent_step;
    if (state.key != recipe_.parent_key && !on_the_way)
      throw std::runtime_error(parent + ": belongs to another run");
  } catch (const std::runtime_error& error) {
    throw Refused(fmt::format("the checkpoint to continue from cannot be used: {}", error.what()));
  }
}

// Its step; nothing, and why is said, when the run cannot go on from it.
std::optional<int64_t> RunCheckpoints::resume_from(const std::string& candidate) {
  try {
    const CheckpointState state = load_checkpoint(parameters_, recipe_.model, true, candidate);
    // Another run's checkpoint is as good as our own up to where the schedules part.
    const bool shared =
        state.trajectory == trajectory_ && state.step <= shared_steps(recipe_.schedule);
    if (state.key != key_ && !shared)
      throw std::runtime_error(candidate + ": belongs to another run");
    return state.step;
  } catch (const std::runtime_error& error) {
    say(fmt::format("not used: {}", error.what()));
    return std::nullopt;
  }
}

bool RunCheckpoints::due() const {
  const Execution& e = config_.execution;
  const double seldom = e.checkpoint_time_share < 1 ? seconds_ / e.checkpoint_time_share : 0;
  const double passed = std::chrono::duration<double>(Clock::now() - last_time_).count();
  return is_first() && passed >= std::max(e.checkpoint_every_seconds, seldom);
}

void RunCheckpoints::publish(int64_t step, bool resumable) {
  const Clock::time_point start = Clock::now();
  finish();
  // A checkpoint from the cooldown is of use to this run alone.
  const std::string trajectory = step <= shared_steps(recipe_.schedule) ? trajectory_ : "";
  const CheckpointWriter::Checkpoint checkpoint{
      {step, key_, trajectory, {}}, folder_ / checkpoint_name(step), resumable};
  const bool alone = ranks_.ranks() == 1;
  if (all_agree(ranks_, parameters_, !is_first() || writer_.can_copy()) && (resumable || !alone)) {
    collect_state(resumable);
    if (is_first()) writer_.begin(checkpoint);
  } else if (alone) {
    const Parameters& p = parameters_;
    writer_.write_now(checkpoint, resumable ? TrainedNumbers{p.master, p.moment1, p.moment2}
                                            : TrainedNumbers{p.master, {}, {}});
    report(checkpoint);
  } else {
    stream_checkpoint(parameters_, exchange_, ranks_, recipe_.model, checkpoint.state, resumable,
                      checkpoint.folder);
    report(checkpoint);
  }
  last_time_ = Clock::now();
  seconds_ = std::chrono::duration<double>(last_time_ - start).count();
}

// Into the writer's room on rank 0, whatever each rank owns.
void RunCheckpoints::collect_state(bool resumable) {
  const Parameters& p = parameters_;
  const TrainedNumbers room = is_first() ? writer_.room(resumable) : TrainedNumbers{};
  if (p.weights.scalar_type() != at::kFloat) {
    exchange_.collect(p.master, room.master);
  } else if (is_first()) {
    room.master.copy_(p.weights);  // whole on every rank
  }
  if (!resumable) return;
  exchange_.collect(p.moment1, room.moment1);
  exchange_.collect(p.moment2, room.moment2);
}

void RunCheckpoints::report(const std::optional<CheckpointWriter::Checkpoint>& published) {
  if (!published || !is_first()) return;
  last_ = published->folder.filename().string();
  if (hooks_.on_checkpoint) hooks_.on_checkpoint({published->state.step, last_});
  // Those that no other run waits for are kept until the next one is published, so that there
  // always is one to resume from.
  if (!passing_.empty() && passing_ != last_) fs::remove_all(folder_ / passing_);
  const bool kept = !published->resumable || asked_for_after(published->state.step);
  passing_ = kept ? "" : last_;
}

}  // namespace crosslaw::trainer
