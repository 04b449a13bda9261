#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace crosslaw::sweep {

// What a run asks of a batch system.
struct QueueSpec {
  std::string partition, account;
  std::string time_limit;            // as the batch system writes it; empty: its default
  int64_t nodes = 1;                 // of one run, where gpus_per_run does not say
  int64_t gpus = 1;                  // of each node
  std::vector<std::string> options;  // further ones of the submission
  int64_t warn_seconds = 180;        // before the time limit a run is asked for its checkpoint
  int64_t max_jobs = 1000;           // in the queue at a time
  int64_t array_size = 1000;         // so many equal runs at most go as one submission
};

// How a batch system is spoken to that crosslaw does not know: programs with arguments, in which
// {names} stand for values; never a shell.
struct CommandSpec {
  std::vector<std::string> submit, poll, cancel;
  std::vector<std::string> stop;                    // asks for a checkpoint; empty: cancel does
  std::string job;                                  // a job's name, from {token}; or
  std::string job_pattern;                          // finds its number in what a submission printed
  std::string poll_pattern;                         // of a line of the listing: job, state
  std::vector<std::string> queued, running, ended;  // the listing's words for states
  std::string job_file;  // the text of a further file that some systems want to be given
};

// GPUs of one run of the models with fewer parameters than `below_params`.
struct GpuTier {
  double below_params = 0;  // infinity for the last
  int64_t gpus = 1;
};

struct LaunchSpec {
  std::string backend = "local";  // slurm, command
  std::string files;              // the folder for runs/ and data/; empty: the sweep's
  QueueSpec queue;
  CommandSpec command;
  std::string devices = "auto";  // cpu, gpu, auto: the GPUs when there are any
  int64_t cpu_slots = 0;         // runs at the same time on the CPU; 0: cores / threads_per_run
  int64_t threads_per_run = 1;
  int64_t runs_per_gpu = 1;
  // Empty: "auto", the fewest into whose memory it fits.
  std::vector<GpuTier> gpus_per_run = {{std::numeric_limits<double>::infinity(), 1}};
  double gpu_memory_gb = 80;          // of one GPU, for that choice
  double rank_timeout_seconds = 300;  // so long a GPU waits for the others of its run
  bool share_gpus = false;            // use GPUs on which other programs compute
  double flops_per_second = 0;        // of one slot, for the plan's estimates; 0: a typical value
  double dollars_per_hour = 0;        // of one slot
  int64_t retries = 2;                // after a crash
};

}  // namespace crosslaw::sweep
