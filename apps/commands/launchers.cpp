#include "apps/commands/launchers.h"

#include <fmt/format.h>

#include "sweep/launch/command_templates.h"
#include "sweep/launch/local_launcher.h"
#include "sweep/launch/slots.h"
#include "sweep/launch/slurm.h"

namespace crosslaw::apps {

sweep::QueueOptions queue_options(const sweep::LaunchSpec& launch) {
  const sweep::QueueSpec& asked = launch.queue;
  sweep::QueueOptions queue;
  queue.program = sweep::trainer_program();
  queue.device = launch.devices == "cpu" || asked.gpus == 0 ? "cpu" : "cuda";
  queue.most_jobs = queue.places = static_cast<std::size_t>(asked.max_jobs);
  queue.array_size = static_cast<std::size_t>(asked.array_size);
  // Other systems name a job's GPUs in other ways, or let it see no others.
  queue.needs_binding = launch.backend == "slurm" && asked.gpus > 0;
  // One process a GPU; srun tells each which one it is. From version 22.05 on it does not take the
  // processors of a task over from the job.
  if (launch.backend == "slurm" && asked.gpus > 0)
    queue.wrapper =
        fmt::format("srun --kill-on-bad-exit=1 --cpus-per-task={}", launch.threads_per_run);
  return queue;
}

std::unique_ptr<sweep::RunLauncher> make_launcher(const sweep::LaunchSpec& launch,
                                                  std::function<void(const std::string&)> say) {
  if (launch.backend == "local") {
    return std::make_unique<sweep::LocalLauncher>(sweep::LocalOptions{
        sweep::trainer_program(), sweep::find_slots(launch), launch.share_gpus, std::move(say)});
  }
  sweep::QueueOptions queue = queue_options(launch);
  queue.say = std::move(say);
  return std::make_unique<sweep::QueueLauncher>(
      launch.backend == "slurm" ? sweep::slurm(launch) : sweep::batch_system(launch), queue);
}

void resolve_precision(sweep::SweepSpec& spec) {
  if (spec.train.precision != "auto") return;
  const sweep::LaunchSpec& launch = spec.launch;
  const std::string device = launch.backend == "local" ? sweep::find_slots(launch).front().device()
                                                       : queue_options(launch).device;
  if (device == "cuda") spec.train.precision = "bf16";
}

}  // namespace crosslaw::apps
