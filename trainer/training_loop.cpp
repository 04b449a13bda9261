#include "trainer/training_loop.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "trainer/choice_scoring.h"
#include "trainer/gradient_exchange.h"
#include "trainer/loss_log.h"
#include "trainer/matrix_optimizers.h"
#include "trainer/micro_batches.h"
#include "trainer/out_of_memory.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/model_cost.h"
#include "trainer/run_checkpoints.h"
#include "trainer/run_setup.h"
#include "trainer/text_stream.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMostStepsInOneLine = 256;  // of metrics.jsonl
constexpr double kSecondsBetweenHeartbeats = 0.5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Only rank 0 reports; the other ranks get no reporting hooks.
TrainHooks hooks_of(const TrainHooks& hooks, bool first) {
  TrainHooks own;
  if (first) return hooks;
  own.say = hooks.say, own.should_stop = hooks.should_stop;
  return own;
}

class TrainingRun {
 public:
  TrainingRun(const TrainConfig& config, fs::path folder, const TrainHooks& hooks,
              Communicator& ranks)
      : config_(config),
        recipe_(config.recipe),
        folder_(std::move(folder)),
        hooks_(hooks_of(hooks, ranks.rank() == 0)),
        ranks_(ranks),
        device_(open_device(config.execution)),
        text_(config),
        parameters_(recipe_.model, weight_type(config), device_, ranks.rank(), ranks.ranks()),
        exchange_(parameters_, ranks, gradient_parts(config) > 1),
        passes_(config, parameters_, ranks, exchange_, hooks_.say),
        losses_(config, [this](const TrainLines& lines) { report_losses(lines); }),
        checkpoints_(config, folder_, parameters_, exchange_, ranks,
                     {hooks_.on_checkpoint, hooks_.say}) {
    for (const ValidationSet& set : recipe_.validation) {
      validation_.emplace_back(set, config.execution.valid_shards.at(set.language),
                               recipe_.context_tokens, recipe_.model.vocabulary);
      const auto seen = config.execution.seen_tokens.find(set.language);
      seen_windows_.push_back(seen == config.execution.seen_tokens.end()
                                  ? std::vector<int64_t>()
                                  : validation_.back().windows_touching(seen->second));
    }
    // A set, for the loop asks at each step.
    for (int64_t step : config.execution.evaluation_steps) evaluation_steps_.insert(step);
    evaluation_steps_.insert(recipe_.schedule.steps);
  }

  RunResult run() {
    Clock::time_point start = Clock::now();
    int64_t step = checkpoints_.restore();
    result_.start_step = step;
    result_.outcome = train_from(step);
    result_.seconds = seconds_since(start);
    result_.checkpoint = checkpoints_.last();
    result_.micro_batch_sequences = passes_.sequences();
    double trained =
        static_cast<double>((result_.step - result_.start_step) * recipe_.batch_tokens());
    result_.tokens_per_second = result_.seconds > 0 ? trained / result_.seconds : 0;
    return result_;
  }

 private:
  bool is_first() const { return ranks_.rank() == 0; }

  at::TensorOptions device_double() const {
    return at::TensorOptions().dtype(at::kDouble).device(device_);
  }

  void report_losses(const TrainLines& lines) {
    // After a broken communication the numbers are meaningless: throw before they are reported.
    ranks_.finish();
    if (hooks_.on_train) hooks_.on_train(lines);
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
      if (stop_requested()) {
        losses_.publish();
        if (losses_.diverged()) return diverged();
        publish(step, true);
        checkpoints_.finish();
        return Outcome::kStopped;
      }
      train_one_step(step);
      result_.step = step + 1;
      checkpoints_.look();
      if (losses_.diverged()) return diverged();
      bool publishes = step + 1 < recipe_.schedule.steps &&
                       (checkpoint_due() || checkpoints_.asked_for_after(step + 1));
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
    checkpoints_.finish();
    return Outcome::kDone;
  }

  bool own_wish_to_stop() const { return hooks_.should_stop && hooks_.should_stop(); }
  at::Tensor own_requests() const {
    const double stop = own_wish_to_stop() ? 1 : 0, checkpoint = checkpoints_.due() ? 1 : 0;
    // Filled where they lie: a copy from here would wait for the GPU.
    return at::cat(
        {at::full({1}, stop, device_double()), at::full({1}, checkpoint, device_double())});
  }
  // What a rank alone decides at once, several learn together, with the sums of a step.
  bool stop_requested() const {
    return ranks_.ranks() == 1 ? own_wish_to_stop() : losses_.requests().stop;
  }
  bool checkpoint_due() const {
    return ranks_.ranks() == 1 ? checkpoints_.due() : losses_.requests().checkpoint;
  }

  // No checkpoint: nobody should continue from here.
  Outcome diverged() {
    ranks_.finish();  // or is another rank lost, and the loss none?
    losses_.publish();
    checkpoints_.finish();
    result_.message = losses_.divergence();
    return Outcome::kDiverged;
  }

  void report_step(int64_t step, int64_t first, double seconds) const {
    if (hooks_.on_step)
      hooks_.on_step(step, static_cast<double>((step - first) * recipe_.batch_tokens()) / seconds);
  }

  double mean_scale() const { return 1.0 / static_cast<double>(recipe_.batch_tokens()); }

  void train_one_step(int64_t step) {
    at::Tensor numbers = passes_.gradients(text_, step);
    // Behind the loss what this rank asks of all.
    if (ranks_.ranks() > 1) numbers = at::cat({numbers, own_requests()});
    const at::Tensor norm = exchange_.finish(numbers);
    if (recipe_.optimizer.kind == OptimizerKind::kAdamW) {
      adamw_step(step, norm);
    } else {
      matrix_step(parameters_, recipe_, step, norm, passes_.target());
    }
    exchange_.gather_weights();
    losses_.add(step, numbers[0] * mean_scale(), norm, numbers.narrow(0, 1, numbers.numel() - 1));
  }

  void adamw_step(int64_t step, const at::Tensor& norm) {
    Parameters& p = parameters_;
    const OptimizerOptions& o = recipe_.optimizer;
    const double rate = learning_rate(recipe_.schedule, step);
    for (const Bucket& b : p.buckets()) {
      // Matrices lie first, norm weights last (parameters.h).
      const double decay = b.begin < p.decayed_count() ? o.weight_decay : 0.0;
      adamw(passes_.target(),
            {b.own_count, step + 1, rate, o.beta1, o.beta2, o.epsilon, decay, o.clip_norm,
             norm.data_ptr<float>(), p.gradients.data_ptr<float>() + b.own_begin,
             p.own_master(b).data_ptr<float>(), p.moment1.data_ptr<float>() + b.slice_begin,
             p.moment2.data_ptr<float>() + b.slice_begin,
             static_cast<char*>(p.weights.mutable_data_ptr()) +
                 b.own_begin * static_cast<int64_t>(p.weights.element_size())});
    }
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

  // Apart from all windows those that training text holds: models that read it know them by heart.
  void evaluate_seen(size_t which, int64_t windows, EvalLine& line) {
    const std::vector<int64_t>& seen = seen_windows_[which];
    const auto count = std::lower_bound(seen.begin(), seen.end(), windows) - seen.begin();
    if (count == 0) return;
    line.seen_tokens = count * recipe_.context_tokens;
    const double sum =
        passes_.loss_sum(validation_[which], std::span(seen).first(static_cast<size_t>(count)));
    line.loss_seen_nats = sum / static_cast<double>(line.seen_tokens);
  }

  void evaluate(int64_t step) {
    losses_.publish();
    for (size_t which = 0; which < validation_.size(); ++which) {
      const ValidationText& text = validation_[which];
      const int64_t windows = windows_at(step, text);
      if (windows == 0) continue;
      std::vector<int64_t> first(static_cast<size_t>(windows));
      std::iota(first.begin(), first.end(), 0);
      const double sum = passes_.loss_sum(text, first);
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
      evaluate_seen(which, windows, line);
      if (hooks_.on_eval) hooks_.on_eval(line);
      losses_.judge_validation(step, text.language(), *line.loss_nats);
    }
  }

  // On rank 0 alone: it has all weights, and the others wait at its next message.
  void score_choices(int64_t step) {
    if (!is_first()) return;
    for (const auto& [name, file] : config_.execution.choice_files) {
      const std::vector<ChoiceQuestion> questions = read_choices(file);
      std::vector<std::vector<double>> scores;
      passes_.within_memory([&](Llama& model, int64_t sequences) {
        scores = log_likelihoods(model, recipe_.model, recipe_.context_tokens, sequences, questions,
                                 device_);
      });
      write_log_likelihoods(questions, scores, folder_ / ("choices-" + name + ".jsonl"));
      if (hooks_.on_choices) hooks_.on_choices(choice_line(name, step, questions, scores));
    }
  }

  void publish(int64_t step, bool resumable) {
    // Losses first: ingest must not know a checkpoint of steps whose losses it has not seen.
    losses_.publish();
    losses_.answer_requests();
    // And to the disk: after a power cut no checkpoint may be there whose losses are not.
    if (hooks_.sync) hooks_.sync();
    checkpoints_.publish(step, resumable);
  }

  const TrainConfig& config_;
  const Recipe& recipe_;
  fs::path folder_;
  TrainHooks hooks_;
  Communicator& ranks_;
  at::Device device_;
  TrainingText text_;
  Parameters parameters_;
  GradientExchange exchange_;  // of them
  MicroBatches passes_;        // of the model over its share of text
  LossLog losses_;
  RunCheckpoints checkpoints_;
  std::vector<ValidationText> validation_;
  std::vector<std::vector<int64_t>> seen_windows_;  // of each
  std::set<int64_t> evaluation_steps_;
  RunResult result_;
};

}  // namespace

RunResult train(const TrainConfig& config, const fs::path& folder, const TrainHooks& hooks,
                Communicator& ranks) {
  RunResult result;
  auto ended = [&](Outcome outcome, const std::string& message) {
    result.outcome = outcome;
    result.message = message;
    // The others would wait for us.
    ranks.fail(fmt::format("rank {}: {}", ranks.rank(), message));
  };
  try {
    result = TrainingRun(config, folder, hooks, ranks).run();
  } catch (const Refused& refusal) {
    ended(Outcome::kRefused, refusal.what());
  } catch (const UnusableShard& shard) {
    ended(Outcome::kRefused, shard.what());
  } catch (const OutOfMemory& error) {
    ended(Outcome::kOutOfMemory, error.what());
  } catch (const LostRank& lost) {
    ended(Outcome::kCrashed, lost.what());
  } catch (const std::exception& error) {
    // Memory may also run out outside the micro-batches, e.g. for the weights. The other ranks are
    // told first, whatever it is, for they wait for us; only memory is an outcome, the rest is for
    // main.
    ended(Outcome::kOutOfMemory, plain_message(error));
    if (!is_out_of_memory(error)) throw;
  }
  result.token = config.execution.token;
  return result;
}

RunResult train(const TrainConfig& config, const fs::path& folder, const TrainHooks& hooks) {
  return train(config, folder, hooks, *one_rank());
}

}  // namespace crosslaw::trainer
