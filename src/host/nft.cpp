#include "host/nft.hpp"

#include <nftables/libnftables.h>

#include <memory>
#include <mutex>

namespace culvert::host {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Error nft_error(std::string_view printed) {
  const auto line = std::string(printed.substr(0, printed.find('\n')));
  if (contains(line, "Operation not permitted") || contains(line, "Permission denied"))
    return fail(Errc::permission, "nftables rules need CAP_NET_ADMIN: run as root");
  if (contains(line, "No such file or directory") || contains(line, "not supported") ||
      contains(line, "not implemented"))
    return fail(Errc::unsupported, "the kernel lacks a part of nftables (" + line +
                                       "): modprobe -a nf_tables nft_chain_nat nft_redir nft_ct");
  return fail(Errc::io, line.empty() ? "nftables failed without saying why" : line);
}

Result<std::string> run_nft(const std::string& commands) {
  // libnftables keeps a few tables of its own in globals.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT),
                                                                  &nft_ctx_free);
  if (!context) return fail(Errc::io, "libnftables could not be initialised");
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  const int code = nft_run_cmd_from_buffer(context.get(), commands.c_str());
  if (code != 0) return nft_error(nft_ctx_get_error_buffer(context.get()));
  return std::string(nft_ctx_get_output_buffer(context.get()));
}

}  // namespace culvert::host
