package worker

import (
	"time"

	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Limits are what people may ask of a store.
type Limits struct {
	UserPerMinute  int `env:"LAPAK_USER_PER_MINUTE,required"`
	StorePerMinute int `env:"LAPAK_STORE_PER_MINUTE,required"`
	UserTasks      int `env:"LAPAK_USER_TASKS,required"`

	// FreeFileMB and PremiumFileMB count where large files can be had at all:
	// where TelegramAPI names an application of Telegram's.
	TelegramAPI   int `env:"LAPAK_TELEGRAM_API_ID,required"`
	FreeFileMB    int `env:"LAPAK_FREE_FILE_MB,required"`
	PremiumFileMB int `env:"LAPAK_PREMIUM_FILE_MB,required"`

	FreeHours      int `env:"LAPAK_FREE_HOURS,required"`
	PremiumHours   int `env:"LAPAK_PREMIUM_HOURS,required"`
	FreeMinutes    int `env:"LAPAK_FREE_MINUTES_PER_DAY,required"`
	PremiumMinutes int `env:"LAPAK_PREMIUM_MINUTES_PER_DAY,required"`
}

// Tiers gives what people may have transcribed.
func (l Limits) Tiers() transcript.Tiers {
	return transcript.Tiers{
		Free:    l.tier(l.FreeFileMB, l.FreeHours, l.FreeMinutes),
		Premium: l.tier(l.PremiumFileMB, l.PremiumHours, l.PremiumMinutes),
	}
}

func (l Limits) tier(fileMB, hours, minutes int) transcript.Tier {
	const mega = 1 << 20

	largest := int64(fileMB) * mega
	if l.TelegramAPI == 0 {
		largest = min(largest, telegram.MaxDownloadBytes)
	}

	return transcript.Tier{
		Largest: largest, Longest: time.Duration(hours) * time.Hour, Daily: time.Duration(minutes) * time.Minute,
		Tasks: l.UserTasks,
	}
}

// UserRate gives how often one person may ask.
func (l Limits) UserRate() limit.Rate { return limit.Person(l.UserPerMinute) }

// StoreRate gives how often all people of a store together may ask.
func (l Limits) StoreRate() limit.Rate { return limit.PerMinute(l.StorePerMinute) }
