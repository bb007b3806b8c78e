// Replay of history under the fill contract. Each entry is a trade of its own, so that policies are compared on
// identical entries and positions may overlap; or, where the terms say so, one position at a time.
#pragma once
#include <cstdint>
#include <vector>

#include "replay/execution.hpp"

namespace ratchet {

/// Bar by bar, for policies that must see each bar once, whoever is in the market.
class Replay {
  public:
    Replay(const Tape& tape, const std::vector<Entry>& entries) : tape_(tape), entries_(entries), execution_(tape) {
        if (!tape.terms.single) execution_.ledger().reserve(entries.size());
    }

    /// Handles bar j: fills entries signalled before it, then exits.
    template <class Policy>
    void step(std::int64_t j, Policy& policy) {
        while (next_ < entries_.size() && entries_[next_].index < j && tape_.can_fill(tape_.bar(j))) {
            const Entry& entry = entries_[next_];
            const auto row = static_cast<std::int64_t>(next_++);
            if (entry.index + tape_.horizon < j) continue;  // nothing traded in the whole horizon: no trade
            if (tape_.terms.single && (!running_.empty() || entry.index < free_)) continue;
            running_.push_back(execution_.enter(entry, row, j, policy));
        }
        for (std::size_t i = 0; i < running_.size();) {
            if (execution_.advance(running_[i], j)) {
                free_ = tape_.free_from(j);
                running_[i] = running_.back();
                running_.pop_back();
            } else {
                ++i;
            }
        }
    }
    /// Lets the policy see the close of bar j, after its features are known.
    template <class Policy>
    void decide(std::int64_t j, Policy& policy) {
        for (auto& running : running_) execution_.decide(running, j, policy);
    }
    Replayed finish() {
        for (auto& running : running_) execution_.keep(running);
        return execution_.ledger().finish();
    }

  private:
    const Tape& tape_;
    const std::vector<Entry>& entries_;
    Execution execution_;
    std::size_t next_ = 0;
    std::int64_t free_ = 0;  // signals before it come while a single position is open
    std::vector<Running> running_;
};

/// Trade by trade, for policies that look at nothing but the trade's own bars: each entry meets all policies while its
/// bars are at hand, and bars in which nothing can happen are passed over in blocks. Answers per policy.
template <class Policy>
std::vector<Replayed> replay_each(const Tape& tape, const std::vector<Entry>& entries, std::vector<Policy> policies) {
    std::vector<Execution> executions(policies.size(), Execution(tape));
    std::vector<std::int64_t> free(policies.size(), 0);
    // one at a time most entries give no trade, but room that is not filled is not touched
    if (!tape.terms.single || policies.size() == 1)
        for (auto& execution : executions) execution.ledger().reserve(entries.size());
    for (std::size_t row = 0; row < entries.size(); ++row) {
        const Entry& entry = entries[row];
        const std::int64_t end = std::min(entry.index + tape.horizon, tape.n - 1);
        std::int64_t first = entry.index + 1;
        while (first <= end && !tape.can_fill(tape.bar(first))) ++first;
        if (first > end) continue;  // nothing traded in the whole horizon: no trade
        for (std::size_t p = 0; p < policies.size(); ++p) {
            if (tape.terms.single && entry.index < free[p]) continue;
            Execution& execution = executions[p];
            Policy& policy = policies[p];
            Running running = execution.enter(entry, static_cast<std::int64_t>(row), first, policy);
            std::int64_t j = first;
            for (;; ++j) {
                if (!policy.moves()) j = execution.pass(running, j);
                if (execution.advance(running, j)) break;
                if (policy.moves()) execution.decide(running, j, policy);
                if (j + 1 == tape.n) {
                    execution.keep(running);
                    break;
                }
            }
            free[p] = running.trade.reason ? tape.free_from(j) : tape.n;
        }
    }
    std::vector<Replayed> out;
    for (auto& execution : executions) out.push_back(execution.ledger().finish());
    return out;
}

}  // namespace ratchet
