#include "sweep/launch/queue_launcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "db/files/atomic_file.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// Until a queue that takes no more is asked again.
constexpr std::chrono::seconds kFullPause{60};

// As a word of a shell: in single quotes nothing has a meaning but the quote itself.
std::string quoted(const std::string& text) {
  std::string word = "'";
  for (char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// "attempt-7" -> "attempt-8".
std::string next_attempt(const std::string& folder) {
  const std::size_t dash = folder.rfind('-');
  return fmt::format("{}-{}", folder.substr(0, dash), std::stoll(folder.substr(dash + 1)) + 1);
}

}  // namespace

JobShape job_shape(const LaunchSpec& launch, int64_t gpus) {
  if (launch.queue.gpus == 0) return {1, 0};
  const int64_t of_a_node = std::min(gpus, launch.queue.gpus);
  return {gpus / of_a_node, of_a_node};
}

fs::path job_script_file(const LaunchRequest& request) {
  return request.config_file.parent_path() / "job.sh";
}

std::string job_script(const LaunchRequest& request, const QueueOptions& options) {
  const fs::path folder = request.config_file.parent_path();
  std::string text = fmt::format(
      "#!/bin/sh\n"
      "# {}, written by crosslaw. Started twice, or after a newer attempt, it does nothing.\n"
      "cd {} || exit {}\n"
      "[ ! -e {} ] || exit {}\n"
      "mkdir started 2>/dev/null || exit {}\n"
      "uname -n > started/host\n",
      request.label, quoted(folder.string()), kExitCannotStart,
      quoted("../" + next_attempt(folder.filename().string())), kExitNotLetGo, kExitNotLetGo);
  if (options.needs_binding)
    text += fmt::format(
        "[ -n \"${{CUDA_VISIBLE_DEVICES:-}}\" ] || {{ echo 'the job was given no GPU "
        "(CUDA_VISIBLE_DEVICES is empty)' >&2; exit {}; }}\n",
        kExitNoDevice);
  // The trainer becomes the job itself, so that it is the one that hears the signals.
  text += fmt::format("exec {}{} {}\n",
                      options.wrapper.empty() || request.gpus == 1 ? "" : options.wrapper + " ",
                      quoted(options.program.string()), quoted(request.config_file.string()));
  return text;
}

fs::path task_file(const LaunchRequest& request) {
  return request.config_file.parent_path() / "task";
}

std::string array_script(const std::vector<LaunchRequest>& requests,
                         const std::string& task_variable) {
  std::string text = fmt::format(
      "#!/bin/sh\n# {} attempts, one a task, written by crosslaw.\ncase \"${{{}:-}}\" in\n",
      requests.size(), task_variable);
  for (std::size_t i = 0; i < requests.size(); ++i)
    text += fmt::format("{}) set -- {} {} ;;\n", i, quoted(requests[i].log_file.string()),
                        quoted(job_script_file(requests[i]).string()));
  return text + fmt::format("*) exit {} ;;\nesac\nexec >> \"$1\" 2>&1\nexec /bin/sh \"$2\"\n",
                            kExitCannotStart);
}

QueueLauncher::QueueLauncher(BatchSystem system, QueueOptions options)
    : system_(std::move(system)), options_(std::move(options)), interval_(options_.first_poll) {}

bool QueueLauncher::reserve(int64_t) {
  return attempts_.size() < options_.most_jobs && Clock::now() >= full_until_;
}

bool QueueLauncher::collects() const { return options_.array_size > 1 && system_.submit_array; }

bool QueueLauncher::start(const LaunchRequest& request, const Commit& commit) {
  const fs::path script = job_script_file(request);
  db::publish_file(script, job_script(request, options_));
  fs::permissions(script, fs::perms::owner_exec, fs::perm_options::add);
  if (system_.prepare) system_.prepare(request, script);
  Attempt attempt;
  attempt.token = request.token;
  attempt.submitted = Clock::now();
  attempt.state = {.attempt_id = request.attempt_id, .where = Whereabouts::kQueued};
  attempts_[request.attempt_id] = std::move(attempt);
  waiting_[request.attempt_id] = {request, commit};
  if (collects()) return true;
  const Answer answer = submit({request.attempt_id});
  if (answer == Answer::kTaken || answer == Answer::kUncertain) return true;
  attempts_.erase(request.attempt_id);
  waiting_.erase(request.attempt_id);
  if (answer == Answer::kFull) return false;
  throw LaunchRefused(complaint_);
}

// What the queue does not take for now waits here, not in the queue.
void QueueLauncher::submit_waiting() {
  while (!waiting_.empty() && Clock::now() >= full_until_) {
    const std::vector<int64_t> group = equal_ones();
    switch (submit(group)) {
      case Answer::kTaken:
        if (group.size() == most_tasks_) most_tasks_ *= 2;  // it had been fewer for a while
        break;
      case Answer::kUncertain:
        break;
      case Answer::kFull:
        if (group.size() == 1) return;
        most_tasks_ = group.size() / 2;  // fewer may be taken
        full_until_ = {};
        break;
      case Answer::kRefused:
        // Alone, each hears its own reason.
        if (group.size() == 1) return refuse(group.front(), complaint_);
        most_tasks_ = 1;
        break;
    }
  }
}

// Runs of one shape, the first that waits among them.
std::vector<int64_t> QueueLauncher::equal_ones() {
  const LaunchRequest& first = waiting_.begin()->second.request;
  if (most_tasks_ == 0) most_tasks_ = std::max<std::size_t>(1, system_.most_tasks());
  const std::size_t most = std::min(options_.array_size, most_tasks_);
  std::vector<int64_t> group;
  for (const auto& [id, waiting] : waiting_) {
    const bool equal =
        waiting.request.gpus == first.gpus && waiting.request.avoid_nodes == first.avoid_nodes;
    if (equal && group.size() < most) group.push_back(id);
  }
  return group;
}

QueueLauncher::Answer QueueLauncher::submit(const std::vector<int64_t>& group) {
  const LaunchRequest first = waiting_.at(group.front()).request;
  const fs::path script = job_script_file(first);
  const bool array = group.size() > 1;
  std::vector<LaunchRequest> requests;
  for (const int64_t id : group) {
    const LaunchRequest& request = requests.emplace_back(waiting_.at(id).request);
    // The first one's token is as good as another for the array. In the folder before the
    // submission: should we die during it, the task is found by that.
    attempts_.at(id).token =
        array ? fmt::format("{}_{}", first.token, requests.size() - 1) : request.token;
    if (collects()) db::publish_file(task_file(request), attempts_.at(id).token);
  }
  std::vector<std::string> words;
  if (array) {
    const fs::path file = script.parent_path() / "array.sh";
    db::publish_file(file, array_script(requests, system_.task_variable));
    words = system_.submit_array(first, file, group.size());
  } else {
    words = system_.submit(first, script);
  }
  const ProgramEnd end = run_program(words, options_.call_limit);
  std::optional<std::string> job;
  const Answer answer = read_answer(end, first, job);
  if (answer == Answer::kFull || answer == Answer::kRefused) return answer;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Commit commit = waiting_.at(group[i]).commit;
    waiting_.erase(group[i]);
    submitted(group[i], !job ? "" : array ? fmt::format("{}_{}", *job, i) : *job, commit);
  }
  return answer;
}

QueueLauncher::Answer QueueLauncher::read_answer(const ProgramEnd& end, const LaunchRequest& first,
                                                 std::optional<std::string>& job) {
  // A number counts whatever else was said: a job that is submitted twice trains twice.
  if (!system_.job_named) job = system_.job_of(end.output);
  if (system_.job_named && (end.good() || end.timed_out)) job = system_.job_named(first.token);
  if (job) return Answer::kTaken;
  if (!end.timed_out && system_.is_full(end.errors)) {
    full_until_ = Clock::now() + kFullPause;
    if (!std::exchange(said_full_, true))
      options_.say(fmt::format("{} takes no more jobs for now: {}", system_.name, end.complaint()));
    return Answer::kFull;
  }
  if (end.timed_out || end.good() || system_.is_uncertain(end.errors)) {
    // It may have been taken all the same: the token will show, or its absence.
    options_.say(fmt::format("{} did not say whether it took {}: {}", system_.name, first.label,
                             end.complaint()));
    full_until_ = Clock::now() + interval_;
    return Answer::kUncertain;
  }
  complaint_ = fmt::format("{} refuses the job: {}", system_.name, end.complaint());
  return Answer::kRefused;
}

void QueueLauncher::submitted(int64_t attempt_id, const std::string& job, const Commit& commit) {
  Attempt& attempt = attempts_.at(attempt_id);
  attempt.submitted = Clock::now();
  LaunchPlace place;
  if (job.empty()) {
    attempt.state.where = Whereabouts::kUnknown;
  } else {
    attempt.job = job;
    attempt.state.job = job;
    attempt.state.place = fmt::format("{} job {}", system_.name, job);
    place.job = job;
  }
  commit(place);
  // Something changed: it is looked at soon.
  interval_ = options_.first_poll;
  next_poll_ = std::min(next_poll_, Clock::now() + interval_);
}

void QueueLauncher::refuse(int64_t attempt_id, const std::string& why) {
  waiting_.erase(attempt_id);
  AttemptState& state = attempts_.at(attempt_id).state;
  state.where = Whereabouts::kGone;
  state.cause = db::Outcome::kBadConfig;
  state.message = why;
}

void QueueLauncher::adopt(const std::vector<EarlierAttempt>& attempts) {
  for (const EarlierAttempt& earlier : attempts) {
    Attempt& attempt = attempts_[earlier.request.attempt_id];
    attempt.token = earlier.request.token;
    std::ifstream task(task_file(earlier.request));
    if (std::string name; std::getline(task, name)) attempt.token = name;
    attempt.job = earlier.place.job.value_or("");
    attempt.state.attempt_id = earlier.request.attempt_id;
    const bool ours = earlier.backend == system_.name;
    // Collected, and never submitted: its killed launcher had not come so far.
    const bool never_offered = ours && collects() && attempt.job.empty() && !task.is_open();
    if (attempt.job == kEndedJob || never_offered) {
      attempt.process = ProcessIdentity{};  // nobody's: gone at the first look
    } else if (ours) {
      if (attempt.job.empty() && system_.job_named) attempt.job = system_.job_named(attempt.token);
    } else {
      // From before the spec asked for this queue: a process here, or nothing.
      attempt.process =
          ProcessIdentity{earlier.place.boot_id.value_or(""), earlier.place.pid.value_or(0),
                          earlier.place.start_ticks.value_or(0)};
      attempt.state.place = fmt::format("process {}", attempt.process->pid);
    }
  }
  next_poll_ = Clock::now();
}

std::vector<AttemptState> QueueLauncher::states(std::chrono::milliseconds patience) {
  submit_waiting();
  poll(patience);
  std::vector<AttemptState> states;
  for (auto at = attempts_.begin(); at != attempts_.end();) {
    Attempt& attempt = at->second;
    if (attempt.process)
      attempt.state.where = is_alive(*attempt.process) ? Whereabouts::kRunning : Whereabouts::kGone;
    states.push_back(attempt.state);
    at = attempt.state.where == Whereabouts::kGone ? attempts_.erase(at) : std::next(at);
  }
  return states;
}

// The listing runs beside us: a controller that is down answers only after many seconds.
void QueueLauncher::poll(std::chrono::milliseconds patience) {
  const bool anything = std::any_of(attempts_.begin(), attempts_.end(), [&](const auto& a) {
    return !a.second.process && !waiting_.contains(a.first);
  });
  if (!listing_ && anything && Clock::now() >= next_poll_) {
    std::vector<std::string> jobs;
    for (const auto& [id, attempt] : attempts_) {
      if (!attempt.job.empty()) jobs.push_back(attempt.job);
    }
    listing_began_ = Clock::now();
    listing_ = std::make_unique<ProgramCall>(system_.list(jobs), options_.call_limit);
  }
  if (!listing_) return std::this_thread::sleep_for(patience);
  if (const auto end = listing_->wait(patience)) {
    listing_.reset();
    read(*end);
  }
}

void QueueLauncher::read(const ProgramEnd& listing) {
  const bool answers = listing.good();
  if (answers != answers_)
    options_.say(answers ? fmt::format("{} answers again", system_.name)
                         : fmt::format("{} does not answer ({}); its jobs go on, and so does the "
                                       "waiting for them",
                                       system_.name, listing.complaint()));
  answers_ = answers;
  std::map<std::string, std::vector<const QueueEntry*>> by_job, by_token;
  const std::vector<QueueEntry> entries =
      answers ? system_.entries(listing.output) : std::vector<QueueEntry>();
  for (const QueueEntry& entry : entries) {
    if (entry.token.empty()) {
      by_job[entry.job].push_back(&entry);
    } else {
      by_token[entry.token].push_back(&entry);
    }
  }
  bool changed = false;
  for (auto& [id, attempt] : attempts_) {
    // What never came into the queue no listing knows.
    if (attempt.process || waiting_.contains(id) || attempt.state.where == Whereabouts::kGone)
      continue;
    const Whereabouts before = attempt.state.where;
    const auto named = by_token.find(attempt.token);
    const auto numbered = by_job.find(attempt.job);
    // By its token where there is one: a number may have gone to another job since.
    if (!answers) {
      attempt.state.where = Whereabouts::kUnknown;
    } else if (named != by_token.end()) {
      see(attempt, named->second);
    } else if (!attempt.job.empty() && numbered != by_job.end()) {
      see(attempt, numbered->second);
    } else if (attempt.submitted < listing_began_) {
      miss(attempt);
    }
    changed |= attempt.state.where != before;
    if (answers && attempt.stop != attempt.stop_sent) send_stop(attempt);
  }
  interval_ = changed ? options_.first_poll : std::min(interval_ * 3 / 2, options_.longest_poll);
  next_poll_ = Clock::now() + interval_;
  if (answers) full_until_ = std::min(full_until_, next_poll_);
}

void QueueLauncher::see(Attempt& attempt, const std::vector<const QueueEntry*>& jobs) {
  // One that goes on counts more than one that ended: a submission may have been taken twice, and
  // whatever comes second finds the attempt begun and does nothing.
  const QueueEntry* best = jobs.front();
  for (const QueueEntry* job : jobs) {
    if (best->where == Whereabouts::kGone && job->where != Whereabouts::kGone) best = job;
  }
  attempt.times_missing = 0;
  attempt.job = best->job;
  AttemptState& state = attempt.state;
  state.where = best->where;
  state.job = best->job;
  state.place = fmt::format("{} job {}", system_.name, best->job);
  if (!best->node.empty()) {
    state.node = best->node;
    state.place += " on " + best->node;
  }
  state.blocked = best->blocked;
  state.code = best->code, state.signal = best->signal, state.cause = best->cause;
}

// A listing may be a moment old, and a shared disk older: only who stays away is gone.
void QueueLauncher::miss(Attempt& attempt) {
  if (attempt.times_missing++ == 0) attempt.missing_since = Clock::now();
  const bool long_enough = Clock::now() - attempt.missing_since >= options_.grace;
  attempt.state.where =
      attempt.times_missing >= 2 && long_enough ? Whereabouts::kGone : Whereabouts::kUnknown;
}

void QueueLauncher::stop(int64_t attempt_id, bool at_once) {
  const auto at = attempts_.find(attempt_id);
  if (at == attempts_.end()) return;
  Attempt& attempt = at->second;
  attempt.stop = at_once ? Stop::kAtOnce : Stop::kWithCheckpoint;
  // Asked again for what is still there after a while.
  attempt.stop_sent = Stop::kNo;
  if (waiting_.erase(attempt_id) > 0) {  // it was never submitted
    attempt.state.where = Whereabouts::kGone;
    attempt.state.cause = db::Outcome::kStopped;
    return;
  }
  if (attempt.process) {
    const int descriptor = open_process(*attempt.process);
    if (descriptor >= 0) signal_process(descriptor, at_once ? SIGKILL : SIGTERM);
    if (descriptor >= 0) ::close(descriptor);
    return;
  }
  // One whose number is not known yet is stopped once it is seen.
  if (!attempt.job.empty()) send_stop(attempt);
  next_poll_ = std::min(next_poll_, Clock::now() + options_.first_poll);
}

void QueueLauncher::send_stop(Attempt& attempt) {
  if (attempt.job.empty()) return;
  const bool at_once = attempt.stop == Stop::kAtOnce;
  const ProgramEnd end =
      run_program(system_.cancel(attempt.job, attempt.state.where, at_once), options_.call_limit);
  // Else it is sent again after the next listing.
  if (end.good()) attempt.stop_sent = attempt.stop;
}

}  // namespace crosslaw::sweep
