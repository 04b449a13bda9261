#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "trainer/corpus/corpus.h"
#include "trainer/training_loop.h"

namespace crosslaw::tests {

// Losses of one attempt, as the hooks report them.
struct Journal {
  std::map<std::pair<std::string, int64_t>, double> evals;
  std::vector<trainer::EvalLine> eval_lines;
  std::map<int64_t, double> losses, gradient_norms;
  std::vector<trainer::CheckpointLine> checkpoints;
  std::vector<std::string> said;
  trainer::RunResult result;
};

// Token shards of two small languages, and training runs on them.
struct TrainingWorkshop {
  SmallSweep files;
  trainer::Corpus corpus;

  TrainingWorkshop() {
    trainer::CorpusOptions options;
    options.folder = files.folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = 1024;
    options.allow_foreign = 1;  // made-up words are of no language
    for (const char* language : {"en", "fr"}) {
      std::string name(language);
      options.languages.push_back({name,
                                   {files.folder / (name + ".train.jsonl")},
                                   {files.folder / (name + ".valid.jsonl")}});
    }
    corpus = trainer::prepare_corpus(options, [](const std::string&) {});
  }

  trainer::TrainConfig config(const std::string& language, int64_t steps) const {
    trainer::TrainConfig c;
    trainer::Recipe& r = c.recipe;
    r.model = {256, 12, 24, 2, 1, true};
    r.tokenizer_sha256 = corpus.tokenizer_sha256;
    r.context_tokens = 32;
    r.batch_sequences = 4;
    r.schedule = {trainer::ScheduleKind::kWsd, steps, 4, steps / 5, 0.02, 0.1};
    r.seed = 3;
    add_language(c, language, 1.0);
    c.execution.token = "token";
    return c;
  }

  void add_language(trainer::TrainConfig& c, const std::string& language, double share) const {
    c.recipe.mixture.push_back({language, share, corpus.language(language).train.sha256});
    c.recipe.validation.push_back({language, corpus.language(language).valid.sha256});
    c.execution.train_shards[language] = corpus.language(language).train.file.string();
    c.execution.valid_shards[language] = corpus.language(language).valid.file.string();
  }

  // stop_after: so many steps are allowed, then the run is asked to stop; negative: it never is.
  Journal run(const trainer::TrainConfig& config, const std::string& attempt,
              int64_t stop_after = -1) const {
    REQUIRE(trainer::complaints(config).empty());
    Journal journal;
    int64_t asked = 0;
    trainer::TrainHooks hooks;
    hooks.on_eval = [&](const trainer::EvalLine& e) {
      journal.evals[{e.language, e.step}] = e.loss_nats.value_or(NAN);
      journal.eval_lines.push_back(e);
    };
    hooks.on_train = [&](const trainer::TrainLines& t) {
      for (size_t i = 0; i < t.loss_nats.size(); ++i) {
        int64_t step = t.first_step + static_cast<int64_t>(i);
        journal.losses[step] = t.loss_nats[i].value_or(NAN);
        journal.gradient_norms[step] = t.gradient_norm.at(i).value_or(NAN);
      }
    };
    hooks.on_checkpoint = [&](const trainer::CheckpointLine& c) {
      journal.checkpoints.push_back(c);
    };
    hooks.say = [&](const std::string& message) { journal.said.push_back(message); };
    hooks.should_stop = [&] { return stop_after >= 0 && asked++ >= stop_after; };
    std::filesystem::create_directories(files.folder / attempt);
    journal.result = trainer::train(config, files.folder / attempt, hooks);
    return journal;
  }

  std::string checkpoint(const std::string& attempt, int64_t step) const {
    return (files.folder / attempt / trainer::checkpoint_name(step)).string();
  }
};

}  // namespace crosslaw::tests
