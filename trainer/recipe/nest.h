#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::trainer {

// A nest is one `crosslaw-train --nest ROOM` that has loaded its libraries and forks a process for
// each attempt it is told of, for loading them takes longer than many a small run. Standard input
// is a SOCK_SEQPACKET socket: kNestReady once it is loaded, then for each request one packet back
// with the new process's id, and kNestGo for it to begin: until then the launcher may note its
// number, and without it the process ends and has done nothing. The process is an orphan, hence a
// child of the launcher, which is a subreaper (prctl(2)): its end is told to the launcher and a
// crash is its own. End of input ends the nest, not its attempts.
inline constexpr std::string_view kNestReady = "ready";
inline constexpr std::string_view kNestGo = "go";
inline constexpr size_t kNestRoomBytes = 4096;  // of ROOM: PATH_MAX, for the config's name
inline constexpr size_t kNestPacketBytes = 16384;

struct NestRequest {
  std::string config_file;  // becomes the process's argument, as if it had been started with it
  std::string log_file;     // receives its output
  std::vector<int> cpus;    // that it is pinned to; empty: any
};

std::string to_packet(const NestRequest& request);
// Throws std::runtime_error when the packet is no request.
NestRequest request_of(std::string_view packet);

// Serves the socket until its end. `arguments` is where argv lies in memory, program to ROOM; the
// processes write their own there. `attempt` is run in each of them and gives its exit code.
// The caller must have no other thread.
void serve_nest(int socket, std::span<char> arguments,
                const std::function<int(const std::filesystem::path& config)>& attempt);

}  // namespace crosslaw::trainer
