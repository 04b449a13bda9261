#include "trainer/training_loop.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "db/files/file_system.h"
#include "trainer/choice_scoring.h"
#include "trainer/loss_log.h"
#include "trainer/matrix_optimizers.h"
#include "trainer/model/checkpoint.h"
#include "trainer/model/gpu_device.h"
#include "trainer/model/llama.h"
#include "trainer/out_of_memory.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/memory_model.h"
#include "trainer/recipe/model_cost.h"
#include "trainer/text_stream.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// Enough rows to keep the matrix products busy; more would only take memory.
constexpr int64_t kLargestCpuMicroBatchTokens = 8192;
// The rest is for the gaps that the caching allocator leaves.
constexpr double kGpuMemoryShare = 0.95;
constexpr int64_t kMostStepsInOneLine = 256;  // of metrics.jsonl
constexpr double kSecondsBetweenHeartbeats = 0.5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Memory is short whatever the micro-batch.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The run cannot start as it was asked to; the message goes into result.json.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

at::ScalarType weight_type(const TrainConfig& config) {
  const std::string& precision = config.recipe.precision;
  bool bf16 = precision == "bf16" || (precision == "auto" && config.execution.device == "cuda");
  return bf16 ? at::kBFloat16 : at::kFloat;
}

at::Device open_device(const Execution& execution) {
  if (execution.device != "cuda") {
    at::set_num_threads(static_cast<int>(execution.threads));
    return at::kCPU;
  }
  if (visible_gpus() < 1)
    throw Refused("a GPU was promised, none is visible (CUDA_VISIBLE_DEVICES, driver)");
  // By UUID, not by index: the numbers change with CUDA_VISIBLE_DEVICES and with a failed card.
  if (!execution.gpu_uuid.empty() && gpu_uuid() != execution.gpu_uuid) {
    throw Refused(
        fmt::format("GPU {} was promised, {} is visible", execution.gpu_uuid, gpu_uuid()));
  }
  prefer_cudnn_attention();
  return {at::kCUDA, 0};
}

// The largest divisor of the batch that the memory allows. On the CPU it depends on the recipe
// alone: another micro-batch adds up in another order, and a resumed run must give the same bits.
int64_t micro_batch_sequences(const TrainConfig& config) {
  const Recipe& recipe = config.recipe;
  if (config.execution.micro_batch_sequences > 0) {
    int64_t asked = std::min(config.execution.micro_batch_sequences, recipe.batch_sequences);
    // A divisor, so that all micro-batches weigh the same in the mean.
    while (recipe.batch_sequences % asked != 0) --asked;
    return asked;
  }
  bool gpu = config.execution.device == "cuda";
  double budget = gpu ? kGpuMemoryShare * gpu_free_bytes() : 0;
  for (int64_t sequences = recipe.batch_sequences; sequences > 1; --sequences) {
    if (recipe.batch_sequences % sequences != 0) continue;
    const TrainingSetup setup{recipe.model, recipe.context_tokens,
                              sequences,    1,
                              gpu,          weight_type(config) == at::kBFloat16};
    bool fits = gpu ? memory_use(setup).total() <= budget
                    : sequences * recipe.context_tokens <= kLargestCpuMicroBatchTokens;
    if (fits) return sequences;
  }
  return 1;
}

class TrainingRun {
 public:
  TrainingRun(const TrainConfig& config, fs::path folder, const TrainHooks& hooks)
      : config_(config),
        recipe_(config.recipe),
        folder_(std::move(folder)),
        hooks_(hooks),
        device_(open_device(config.execution)),
        text_(config),
        micro_batch_(micro_batch_sequences(config)),
        parameters_(recipe_.model, weight_type(config), device_),
        losses_(config, hooks.on_train),
        key_(run_key(recipe_)),
        trajectory_(trajectory_key(recipe_)),
        last_checkpoint_time_(Clock::now()) {
    require_disk();
    within_memory([] {});  // makes the model's buffers
    for (const ValidationSet& set : recipe_.validation) {
      validation_.emplace_back(set, config.execution.valid_shards.at(set.language),
                               recipe_.context_tokens, recipe_.model.vocabulary);
    }
    // Sets, for the loop asks at each step.
    for (int64_t step : config.execution.evaluation_steps) evaluation_steps_.insert(step);
    for (int64_t step : config.execution.publish_steps) publish_steps_.insert(step);
    evaluation_steps_.insert(recipe_.schedule.steps);
  }

  RunResult run() {
    Clock::time_point start = Clock::now();
    int64_t step = restore_start_state();
    result_.start_step = step;
    result_.outcome = train_from(step);
    result_.seconds = seconds_since(start);
    double trained =
        static_cast<double>((result_.step - result_.start_step) * recipe_.batch_tokens());
    result_.tokens_per_second = result_.seconds > 0 ? trained / result_.seconds : 0;
    return result_;
  }

 private:
  void say(const std::string& message) const {
    if (hooks_.say) hooks_.say(message);
  }

  // One checkpoint stays until the next one is there.
  void require_disk() const {
    const std::string shortage = db::disk_shortage(
        folder_, checkpoint_bytes(recipe_.model, true) + checkpoint_bytes(recipe_.model, false));
    if (!shortage.empty()) throw Refused("no room for the run's checkpoints: " + shortage);
  }

  // Does what may run out of memory; if it does, again with half the micro-batch, which gives the
  // same loss but for rounding. `work` must begin anew each time.
  template <typename Work>
  void within_memory(const Work& work) {
    for (;;) {
      try {
        if (!model_) {
          model_ = std::make_unique<Llama>(
              parameters_, recipe_.model, recipe_.context_tokens, micro_batch_,
              device_.is_cuda() ? Llama::Path::kGpu : Llama::Path::kCpu);
        }
        result_.micro_batch_sequences = micro_batch_;
        return work();
      } catch (const std::exception& error) {
        if (!is_out_of_memory(error)) throw;
        const std::string reason = plain_message(error);
        const auto half = halved_divisor(recipe_.batch_sequences, micro_batch_);
        if (!half) throw OutOfMemory("not even one sequence at a time fits: " + reason);
        say(fmt::format("out of memory with micro-batches of {} sequences, going on with {}: {}",
                        micro_batch_, *half, reason));
        micro_batch_ = *half;
        // The old buffers go before the new ones are asked for.
        model_.reset();
        release_unused_gpu_memory();
      }
    }
  }

  // Best start first: a checkpoint of this run or of the trajectory that it shares, else the
  // parent's weights, else random ones. A damaged candidate costs time, not the run; a damaged
  // parent is refused, for to train from something else would be another run under the same key.
  int64_t restore_start_state() {
    for (const std::string& candidate : config_.execution.start_checkpoints) {
      try {
        CheckpointState state = load_checkpoint(parameters_, recipe_.model, true, candidate);
        // Another run's checkpoint is as good as our own up to where the schedules part.
        bool shared =
            state.trajectory == trajectory_ && state.step <= shared_steps(recipe_.schedule);
        if (state.key != key_ && !shared)
          throw std::runtime_error(candidate + ": belongs to another run");
        say(fmt::format("resuming at step {} from {}", state.step, candidate));
        return state.step;
      } catch (const std::runtime_error& error) {
        say(fmt::format("not used: {}", error.what()));
      }
    }
    // A rejected candidate may have been loaded before its key was read.
    parameters_.moment1.zero_();
    parameters_.moment2.zero_();
    if (recipe_.parent_key.empty()) {
      parameters_.initialize(recipe_.seed, recipe_.init_std);
      return 0;
    }
    try {
      // Weights alone: the schedule begins anew, and so do the moments. A checkpoint on the way is
      // called by its trajectory, which longer and shorter runs share.
      CheckpointState state =
          load_checkpoint(parameters_, recipe_.model, false, config_.execution.parent_checkpoint);
      const bool on_the_way =
          state.trajectory == recipe_.parent_key && state.step == recipe_.parent_step;
      if (state.key != recipe_.parent_key && !on_the_way)
        throw std::runtime_error(config_.execution.parent_checkpoint + ": belongs to another run");
    } catch (const std::runtime_error& error) {
      throw Refused(
          fmt::format("the checkpoint to continue from cannot be used: {}", error.what()));
    }
    return 0;
  }

  Outcome train_from(int64_t step) {
    Clock::time_point start = Clock::now(), last_report = start;
    int64_t first = step;
    result_.step = step;
    if (step == 0 && evaluation_steps_.contains(0)) evaluate(0);
    if (losses_.diverged()) return diverged();
    for (; step < recipe_.schedule.steps; ++step) {
      // Between two steps all state is in the parameters and the step's number, so that a
      // checkpoint here resumes bit by bit.
      if (hooks_.should_stop && hooks_.should_stop()) {
        losses_.publish();
        if (losses_.diverged()) return diverged();
        publish(step, true);
        return Outcome::kStopped;
      }
      train_one_step(step);
      result_.step = step + 1;
      if (losses_.diverged()) return diverged();
      bool due = seconds_since(last_checkpoint_time_) >= config_.execution.checkpoint_every_seconds;
      bool publishes =
          step + 1 < recipe_.schedule.steps && (due || publish_steps_.contains(step + 1));
      if (publishes || losses_.unpublished() >= kMostStepsInOneLine) losses_.publish();
      // Before the checkpoint: a run that is stopped in between repeats an evaluation at most,
      // which replaces its row; the other order could lose it.
      if (evaluation_steps_.contains(step + 1)) evaluate(step + 1);
      // Again, for both of these read losses that were still under way: no checkpoint is published
      // before the loss of its last step is known to be finite.
      if (losses_.diverged()) return diverged();
      if (publishes) publish(step + 1, true);
      if (seconds_since(last_report) >= kSecondsBetweenHeartbeats) {
        last_report = Clock::now();
        report_step(step + 1, first, seconds_since(start));
      }
    }
    score_choices(step);
    publish(step, false);
    return Outcome::kDone;
  }

  // No checkpoint: nobody should continue from here.
  Outcome diverged() {
    losses_.publish();
    result_.message = losses_.divergence();
    return Outcome::kDiverged;
  }

  void report_step(int64_t step, int64_t first, double seconds) const {
    if (hooks_.on_step)
      hooks_.on_step(step, static_cast<double>((step - first) * recipe_.batch_tokens()) / seconds);
  }

  double mean_scale() const { return 1.0 / static_cast<double>(recipe_.batch_tokens()); }

  // The sum of the batch's token losses; the gradient of their mean is in the parameters.
  at::Tensor accumulate_gradients(int64_t step) {
    const at::Tensor tokens = text_.batch(step).to(device_);
    parameters_.gradients.zero_();
    // Each micro-batch contributes its sum of losses over the tokens of the whole batch, so that
    // the gradient is the batch's mean however it is cut.
    at::Tensor loss;
    for (int64_t from = 0; from < recipe_.batch_sequences; from += micro_batch_) {
      at::Tensor part =
          model_->accumulate_gradients(tokens.narrow(0, from, micro_batch_), mean_scale());
      loss = loss.defined() ? loss + part : part;
    }
    return loss;
  }

  void train_one_step(int64_t step) {
    Parameters& p = parameters_;
    at::Tensor loss;
    within_memory([&] { loss = accumulate_gradients(step); });
    // Padding between the weights is zero and does not count.
    at::Tensor norm = at::linalg_vector_norm(p.gradients);
    const AdamWOptions& o = recipe_.optimizer;
    if (o.kind != OptimizerKind::kAdamW) {
      matrix_step(p, recipe_, step, norm, model_->target());
      return losses_.add(step, loss * mean_scale(), norm);
    }
    double rate = learning_rate(recipe_.schedule, step);
    auto update = [&](int64_t from, int64_t count, double decay) {
      adamw(model_->target(),
            {count, step + 1, rate, o.beta1, o.beta2, o.epsilon, decay, o.clip_norm,
             norm.data_ptr<float>(), p.gradients.data_ptr<float>() + from,
             p.master.data_ptr<float>() + from, p.moment1.data_ptr<float>() + from,
             p.moment2.data_ptr<float>() + from,
             static_cast<char*>(p.weights.mutable_data_ptr()) +
                 from * static_cast<int64_t>(p.weights.element_size())});
    };
    // Matrices lie first, norm weights last (parameters.h).
    update(0, p.decayed_count(), o.weight_decay);
    update(p.decayed_count(), p.count() - p.decayed_count(), 0.0);
    losses_.add(step, loss * mean_scale(), norm);
  }

  // Windows of a validation text that are measured after `step` steps. At both ends all are.
  int64_t windows_at(int64_t step, const ValidationText& text) const {
    const bool at_an_end = step == 0 || step == recipe_.schedule.steps;
    // The first set is the run's own language, whose losses are fitted.
    if (at_an_end || &text == &validation_.front()) return text.windows();
    if (config_.execution.others_at_ends_only) return 0;
    const int64_t tokens = config_.execution.others_course_tokens;
    if (tokens == 0) return text.windows();
    return std::clamp<int64_t>(tokens / recipe_.context_tokens, 1, text.windows());
  }

  double loss_sum(const ValidationText& text, int64_t windows) {
    // In double and on the device: one read a language, whatever the micro-batch.
    at::Tensor total = at::zeros({}, at::TensorOptions().dtype(at::kDouble).device(device_));
    for (int64_t from = 0; from < windows; from += micro_batch_) {
      const int64_t count = std::min(micro_batch_, windows - from);
      total += model_->loss_sum(text.windows_from(from, count).to(device_));
    }
    return total.item<double>();
  }

  void evaluate(int64_t step) {
    losses_.publish();
    for (const ValidationText& text : validation_) {
      const int64_t windows = windows_at(step, text);
      if (windows == 0) continue;
      double sum = 0;
      within_memory([&] { sum = loss_sum(text, windows); });
      EvalLine line;
      line.step = step;
      line.language = text.language();
      line.valid_tokens = windows * recipe_.context_tokens;
      line.loss_nats = sum / static_cast<double>(line.valid_tokens);
      // Token files of another program's tokenizer tell nothing of bytes; of a part of the text
      // its share of the tokens is taken.
      const double part = static_cast<double>(windows) / static_cast<double>(text.windows());
      if (text.text_bytes() > 0)
        line.loss_nats_per_byte = sum / (part * static_cast<double>(text.text_bytes()));
      line.tokens_target = text_.target_tokens(step);
      line.tokens_source = text_.source_tokens(step);
      line.flops = training_flops_per_token(recipe_.model, recipe_.context_tokens) *
                   static_cast<double>(step * recipe_.batch_tokens());
      line.end_of_schedule = step == recipe_.schedule.steps;
      if (hooks_.on_eval) hooks_.on_eval(line);
      losses_.judge_validation(step, text.language(), *line.loss_nats);
    }
  }

  void score_choices(int64_t step) {
    for (const auto& [name, file] : config_.execution.choice_files) {
      const std::vector<ChoiceQuestion> questions = read_choices(file);
      std::vector<std::vector<double>> scores;
      within_memory([&] {
        scores = log_likelihoods(*model_, recipe_.model, recipe_.context_tokens, micro_batch_,
                                 questions, device_);
      });
      write_log_likelihoods(questions, scores, folder_ / ("choices-" + name + ".jsonl"));
      if (hooks_.on_choices) hooks_.on_choices(choice_line(name, step, questions, scores));
    }
  }

  // Checkpoints that no other run waits for are kept only until the next one.
  void publish(int64_t step, bool resumable) {
    // Losses first: ingest must not know a checkpoint of steps whose losses it has not seen.
    losses_.publish();
    // And to the disk: after a power cut no checkpoint may be there whose losses are not.
    if (hooks_.sync) hooks_.sync();
    std::string name = checkpoint_name(step);
    // A checkpoint from the cooldown is of use to this run alone.
    std::string trajectory = step <= shared_steps(recipe_.schedule) ? trajectory_ : "";
    publish_checkpoint(parameters_, recipe_.model, {step, key_, trajectory}, resumable,
                       folder_ / name);
    result_.checkpoint = name;
    if (hooks_.on_checkpoint) hooks_.on_checkpoint({step, name});
    // Only after the new one is published, so that there always is one to resume from.
    if (!passing_.empty() && passing_ != name) fs::remove_all(folder_ / passing_);
    passing_ = resumable && !publish_steps_.contains(step) ? name : "";
    last_checkpoint_time_ = Clock::now();
  }

  const TrainConfig& config_;
  const Recipe& recipe_;
  fs::path folder_;
  const TrainHooks& hooks_;
  at::Device device_;
  TrainingText text_;
  int64_t micro_batch_;
  Parameters parameters_;
  std::unique_ptr<Llama> model_;  // on the same tensors
  LossLog losses_;
  std::string key_, trajectory_;
  Clock::time_point last_checkpoint_time_;
  std::vector<ValidationText> validation_;
  std::set<int64_t> evaluation_steps_, publish_steps_;
  std::string passing_;
  RunResult result_;
};

}  // namespace

RunResult train(const TrainConfig& config, const fs::path& folder, const TrainHooks& hooks) {
  RunResult result;
  try {
    result = TrainingRun(config, folder, hooks).run();
  } catch (const Refused& refusal) {
    result.outcome = Outcome::kRefused;
    result.message = refusal.what();
  } catch (const UnusableShard& shard) {
    result.outcome = Outcome::kRefused;
    result.message = shard.what();
  } catch (const OutOfMemory& error) {
    result.outcome = Outcome::kOutOfMemory;
    result.message = error.what();
  } catch (const std::exception& error) {
    // The weights themselves, or a small request in between.
    if (!is_out_of_memory(error)) throw;
    result.outcome = Outcome::kOutOfMemory;
    result.message = plain_message(error);
  }
  result.token = config.execution.token;
  return result;
}

}  // namespace crosslaw::trainer
