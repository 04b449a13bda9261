#pragma once

#include "sweep/launch/queue_launcher.h"
#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// Slurm by sbatch, squeue and scancel, 20.11 or later. No accounting database is needed. Jobs are
// not requeued by Slurm: a further attempt is submitted instead, which starts from the newest
// checkpoint.
BatchSystem slurm(const LaunchSpec& launch);

// The jobs of a listing that slurm() asked for.
std::vector<QueueEntry> read_squeue(const std::string& output);

}  // namespace crosslaw::sweep
