"""Every matching method on every architecture, planted and narrow pairs too."""
